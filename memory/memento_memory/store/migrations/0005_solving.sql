-- Solving: runs that can be continued after a crash, lessons drawn from cases, and notes on the domain.

-- How far a task has been solved: written after every finished subtask. Its episode is that of the first cycle.
CREATE TABLE runs (
    episode_key INTEGER PRIMARY KEY REFERENCES episodes (key) ON DELETE CASCADE,
    status      TEXT NOT NULL,                  -- running, solved, failed, gave_up or cancelled
    state       TEXT NOT NULL,                  -- JSON
    updated_at  REAL NOT NULL
);

-- Markdown of people who know the domain, and the passages it was split into.
CREATE TABLE notes (
    key       INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    text      TEXT NOT NULL,
    added_at  REAL NOT NULL,
    UNIQUE (namespace, name)
);
CREATE TABLE note_passages (
    key       INTEGER PRIMARY KEY,
    note_key  INTEGER NOT NULL REFERENCES notes (key) ON DELETE CASCADE,
    heading   TEXT NOT NULL,
    text      TEXT NOT NULL,
    model     TEXT NOT NULL DEFAULT '',         -- which made the embedding
    embedding BLOB                              -- float32, unit length; NULL waits for the model
);
CREATE INDEX passages_by_note ON note_passages (note_key);

-- Rules drawn from what successes share and failures lack. Dropped ones are kept, with why.
CREATE TABLE lessons (
    key            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    namespace      TEXT NOT NULL,
    text           TEXT NOT NULL,
    source         TEXT NOT NULL,               -- the model that wrote it, or 'rule'
    theme          TEXT NOT NULL,               -- digest of the plans' common shape: one lesson each
    model          TEXT NOT NULL DEFAULT '',    -- which made the embedding
    embedding      BLOB,                        -- float32, unit length: the tasks it is about
    created_at     REAL NOT NULL,
    updated_at     REAL NOT NULL,
    dropped_at     REAL,
    dropped_reason TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX lessons_by_theme ON lessons (namespace, theme) WHERE dropped_at IS NULL;
CREATE TABLE lesson_cases (
    lesson_key INTEGER NOT NULL REFERENCES lessons (key) ON DELETE CASCADE,
    case_key   INTEGER NOT NULL REFERENCES cases (key) ON DELETE CASCADE,
    PRIMARY KEY (lesson_key, case_key)
) WITHOUT ROWID;
CREATE INDEX lessons_of_case ON lesson_cases (case_key);
CREATE TABLE lesson_showings (
    episode_key INTEGER NOT NULL REFERENCES episodes (key) ON DELETE CASCADE,
    lesson_key  INTEGER NOT NULL REFERENCES lessons (key) ON DELETE CASCADE,
    PRIMARY KEY (episode_key, lesson_key)
) WITHOUT ROWID;
CREATE INDEX showings_by_lesson ON lesson_showings (lesson_key);
