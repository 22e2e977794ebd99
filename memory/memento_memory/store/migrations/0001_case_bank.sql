-- The case bank: cases, the episode log they come from, and the indexes they are found by.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE cases (
    key          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    namespace    TEXT NOT NULL,
    task         TEXT NOT NULL,
    context      TEXT NOT NULL DEFAULT '',
    state        TEXT NOT NULL,               -- what is embedded and indexed: the task led by its environment
    plan         TEXT NOT NULL,               -- JSON list of subtasks
    outcome      TEXT NOT NULL CHECK (outcome IN ('success', 'failure', 'unknown')),
    reward       REAL CHECK (reward BETWEEN 0 AND 1),
    evidence     TEXT NOT NULL,
    notes        TEXT NOT NULL DEFAULT '',
    host         TEXT NOT NULL DEFAULT '',
    model        TEXT NOT NULL DEFAULT '',
    successes    REAL NOT NULL DEFAULT 0 CHECK (successes >= 0),
    failures     REAL NOT NULL DEFAULT 0 CHECK (failures >= 0),
    shown        INTEGER NOT NULL DEFAULT 0,
    used         INTEGER NOT NULL DEFAULT 0,
    created_at   REAL NOT NULL,
    updated_at   REAL NOT NULL,
    forgotten_at REAL,
    content_hash TEXT NOT NULL,
    skeleton     TEXT NOT NULL                -- digest of the plan, to find plans that differ only in form
);
CREATE UNIQUE INDEX cases_by_content ON cases (content_hash) WHERE forgotten_at IS NULL;
CREATE INDEX cases_by_skeleton ON cases (skeleton, namespace) WHERE forgotten_at IS NULL;
CREATE INDEX cases_forgotten ON cases (forgotten_at) WHERE forgotten_at IS NOT NULL;
CREATE INDEX cases_by_namespace ON cases (namespace, outcome) WHERE forgotten_at IS NULL;
CREATE INDEX forgotten_by_content ON cases (content_hash) WHERE forgotten_at IS NOT NULL;

CREATE TABLE case_tags (
    tag      TEXT NOT NULL,
    case_key INTEGER NOT NULL REFERENCES cases (key) ON DELETE CASCADE,
    PRIMARY KEY (tag, case_key)
) WITHOUT ROWID;
CREATE INDEX tags_by_case ON case_tags (case_key);

CREATE TABLE episodes (
    key              INTEGER PRIMARY KEY,
    plan_id          TEXT NOT NULL UNIQUE,
    namespace        TEXT NOT NULL,
    task             TEXT NOT NULL,
    context          TEXT NOT NULL DEFAULT '',
    policy           TEXT NOT NULL,
    ranking          TEXT NOT NULL,
    void_probability REAL NOT NULL,
    draft            TEXT,                    -- the adapted plan that was offered
    plan             TEXT,                    -- the plan as executed
    outcome          TEXT CHECK (outcome IN ('success', 'failure', 'unknown')),
    reward           REAL CHECK (reward BETWEEN 0 AND 1),
    evidence         TEXT,
    notes            TEXT NOT NULL DEFAULT '',
    case_key         INTEGER REFERENCES cases (key) ON DELETE SET NULL,
    host             TEXT NOT NULL DEFAULT '',
    model            TEXT NOT NULL DEFAULT '',
    created_at       REAL NOT NULL,
    recorded_at      REAL
);
CREATE INDEX episodes_by_case ON episodes (case_key) WHERE case_key IS NOT NULL;

CREATE TABLE slates (
    episode_key INTEGER NOT NULL REFERENCES episodes (key) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    case_id     TEXT NOT NULL,                -- outlives the case
    case_key    INTEGER REFERENCES cases (key) ON DELETE SET NULL,
    similarity  REAL NOT NULL,
    value       REAL NOT NULL,
    propensity  REAL NOT NULL,
    repeat      INTEGER NOT NULL,
    used        INTEGER,
    PRIMARY KEY (episode_key, position)
) WITHOUT ROWID;
CREATE INDEX slates_by_case ON slates (case_key) WHERE case_key IS NOT NULL;

-- At most one outcome per (episode, evidence): recording again replaces, never adds.
CREATE TABLE outcomes (
    episode_key INTEGER NOT NULL REFERENCES episodes (key) ON DELETE CASCADE,
    evidence    TEXT NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('success', 'failure', 'unknown')),
    reward      REAL CHECK (reward BETWEEN 0 AND 1),
    notes       TEXT NOT NULL,
    recorded_at REAL NOT NULL,
    PRIMARY KEY (episode_key, evidence)
) WITHOUT ROWID;

CREATE TABLE case_vectors (
    case_key  INTEGER PRIMARY KEY REFERENCES cases (key) ON DELETE CASCADE,
    namespace TEXT NOT NULL,
    embedding BLOB NOT NULL                   -- float32, unit length
);
CREATE INDEX vectors_by_namespace ON case_vectors (namespace);
-- Cases that wait for their vector: the model was not ready, or another one is taking over.
CREATE TABLE unembedded (
    case_key INTEGER PRIMARY KEY REFERENCES cases (key) ON DELETE CASCADE
);
-- Which vectors came or went, in order: how a process brings its own copy of the codes up to date.
CREATE TABLE vector_log (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    case_key INTEGER NOT NULL
);
CREATE TRIGGER embedded AFTER INSERT ON case_vectors BEGIN
    DELETE FROM unembedded WHERE case_key = new.case_key;
END;

CREATE VIEW active_cases AS SELECT key, state FROM cases WHERE forgotten_at IS NULL;
CREATE VIRTUAL TABLE case_words USING fts5 (
    state, content = 'active_cases', content_rowid = 'key', tokenize = "unicode61 remove_diacritics 2"
);
CREATE VIRTUAL TABLE case_vocabulary USING fts5vocab (case_words, row);

CREATE TRIGGER case_appended AFTER INSERT ON cases WHEN new.forgotten_at IS NULL BEGIN
    INSERT INTO case_words (rowid, state) VALUES (new.key, new.state);
    INSERT INTO unembedded (case_key) VALUES (new.key);
END;
CREATE TRIGGER case_removed BEFORE DELETE ON cases WHEN old.forgotten_at IS NULL BEGIN
    INSERT INTO case_words (case_words, rowid, state) VALUES ('delete', old.key, old.state);
    DELETE FROM case_vectors WHERE case_key = old.key;
END;
CREATE TRIGGER case_forgotten AFTER UPDATE OF forgotten_at ON cases
    WHEN old.forgotten_at IS NULL AND new.forgotten_at IS NOT NULL BEGIN
    INSERT INTO case_words (case_words, rowid, state) VALUES ('delete', old.key, old.state);
    DELETE FROM case_vectors WHERE case_key = old.key;
    DELETE FROM unembedded WHERE case_key = old.key;
END;
CREATE TRIGGER case_restored AFTER UPDATE OF forgotten_at ON cases
    WHEN old.forgotten_at IS NOT NULL AND new.forgotten_at IS NULL BEGIN
    INSERT INTO case_words (rowid, state) VALUES (new.key, new.state);
    INSERT INTO unembedded (case_key) VALUES (new.key);
END;
