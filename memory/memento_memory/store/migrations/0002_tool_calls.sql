-- The trace: tool calls that were relayed while a plan was carried out, kept with the episode.

ALTER TABLE episodes ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;       -- relayed in all; the first 500 are kept
ALTER TABLE episodes ADD COLUMN plan_drawn INTEGER NOT NULL DEFAULT 0;  -- whether the plan was drawn from them

CREATE TABLE tool_calls (
    key            INTEGER PRIMARY KEY,
    episode_key    INTEGER NOT NULL REFERENCES episodes (key) ON DELETE CASCADE,
    subtask        INTEGER,
    server         TEXT NOT NULL,
    tool           TEXT NOT NULL,
    arguments      TEXT NOT NULL,               -- JSON, without secrets
    result         TEXT NOT NULL,
    is_error       INTEGER NOT NULL,
    infrastructure INTEGER NOT NULL,
    duration_ms    REAL NOT NULL,
    tokens         INTEGER,
    at             REAL NOT NULL
);
CREATE INDEX tool_calls_by_episode ON tool_calls (episode_key, at);

-- What is deleted for good takes the traces along that led to it.
CREATE TRIGGER traces_of_removed_case BEFORE DELETE ON cases BEGIN
    DELETE FROM tool_calls WHERE episode_key IN (SELECT key FROM episodes WHERE case_key = old.key);
    UPDATE episodes SET calls = 0 WHERE case_key = old.key;
END;
