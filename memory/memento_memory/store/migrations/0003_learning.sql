-- Learned selection: what policies decided, what was learned from it, and what plans mean.

-- What a policy saw and did when it chose a slate; the training data and the log for off-policy evaluation.
CREATE TABLE decisions (
    episode_key    INTEGER PRIMARY KEY REFERENCES episodes (key) ON DELETE CASCADE,
    version        INTEGER NOT NULL,            -- of the value model in force; 0 is the prior
    arm            TEXT NOT NULL CHECK (arm IN ('greedy', 'drawn', 'held_out')),
    k              INTEGER NOT NULL,
    alpha          REAL NOT NULL,
    explore        REAL NOT NULL,
    holdout        REAL NOT NULL,
    log_propensity REAL,                        -- of the whole slate; NULL where the policy cannot tell
    threshold      REAL NOT NULL,
    void_value     REAL NOT NULL,
    forced         INTEGER NOT NULL,
    vector         BLOB NOT NULL,               -- float16, the task's embedding; empty where there is none
    candidates     BLOB NOT NULL,
    learned        BLOB,                        -- what its outcome put into the value model, to take it out again
    watched        INTEGER                      -- the version whose watch has counted its outcome
);

-- Digest of namespace and task, to find earlier attempts at the very same one.
ALTER TABLE episodes ADD COLUMN task_hash TEXT;
CREATE INDEX episodes_by_task ON episodes (task_hash) WHERE task_hash IS NOT NULL;

-- A new plan for a task whose plan failed: the steps of one trajectory.
ALTER TABLE episodes ADD COLUMN previous INTEGER REFERENCES episodes (key) ON DELETE SET NULL;
CREATE INDEX episodes_by_previous ON episodes (previous) WHERE previous IS NOT NULL;

-- Propensities belong to whole slates; a share of them cannot be told for a single place.
ALTER TABLE slates DROP COLUMN propensity;

-- Versions of the value model. The one in force is named in meta ('value_version'); 0, the prior, is always there.
CREATE TABLE value_models (
    version    INTEGER PRIMARY KEY,
    status     TEXT NOT NULL CHECK (status IN ('in_force', 'retired', 'rejected', 'demoted')),
    schema     TEXT NOT NULL,                   -- names of the features, in order
    layer      BLOB NOT NULL,                   -- the last layer, with every outcome learned so far
    reference  BLOB NOT NULL,                   -- the same on similarity alone: what it has to beat
    report     TEXT NOT NULL,                   -- JSON: how it was trained and judged
    watch      TEXT NOT NULL DEFAULT '{}',      -- JSON: how it has done against similarity since
    created_at REAL NOT NULL
);

-- Trained by the slow learner; apart from the layers, which every outcome writes anew.
CREATE TABLE value_networks (
    version INTEGER PRIMARY KEY REFERENCES value_models (version) ON DELETE CASCADE,
    network BLOB NOT NULL
);

-- Only one learner at a time may work on a bank.
CREATE TABLE leases (
    name       TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    expires_at REAL NOT NULL
) WITHOUT ROWID;

-- Apart from the tasks' vectors, which every dense search reads by the hundred.
CREATE TABLE plan_vectors (
    case_key  INTEGER PRIMARY KEY REFERENCES case_vectors (case_key) ON DELETE CASCADE,
    embedding BLOB NOT NULL                     -- float32, unit length
);
-- Cases whose task has a vector and whose plan waits for one.
CREATE TABLE unembedded_plans (
    case_key INTEGER PRIMARY KEY REFERENCES case_vectors (case_key) ON DELETE CASCADE
);
INSERT INTO unembedded_plans SELECT case_key FROM case_vectors;
CREATE TRIGGER plan_waits AFTER INSERT ON case_vectors BEGIN
    INSERT INTO unembedded_plans (case_key) VALUES (new.case_key);
END;
CREATE TRIGGER plan_embedded AFTER INSERT ON plan_vectors BEGIN
    DELETE FROM unembedded_plans WHERE case_key = new.case_key;
END;

-- What plan the successes of a namespace lead to expect: a regression from tasks to plans, as far as it was fitted.
CREATE TABLE expectations (
    namespace TEXT PRIMARY KEY,
    seq       INTEGER NOT NULL,                 -- entry of vector_log up to which cases are in it
    state     BLOB NOT NULL
);
