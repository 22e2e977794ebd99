-- Curation: what is kept whatever happens, what no longer counts in full, and why a case was taken out.

ALTER TABLE cases ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;         -- never evicted
-- What share of its counts still holds, where tools of its plan changed or went.
ALTER TABLE cases ADD COLUMN decay REAL NOT NULL DEFAULT 1 CHECK (decay > 0 AND decay <= 1);
ALTER TABLE cases ADD COLUMN forgotten_reason TEXT NOT NULL DEFAULT '';
-- In quarantine a case is forgotten too, so no index knows of it; but it is not purged, and waits to be confirmed.
ALTER TABLE cases ADD COLUMN quarantined_at REAL;
ALTER TABLE cases ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;      -- a person looked at it: not suspected again
CREATE INDEX cases_quarantined ON cases (quarantined_at) WHERE quarantined_at IS NOT NULL;
CREATE INDEX cases_decayed ON cases (key) WHERE decay < 1;
CREATE INDEX cases_updated ON cases (updated_at) WHERE forgotten_at IS NULL;

-- Tools that changed or went; a plan that names one counts for less until it is recorded again.
CREATE TABLE tool_drift (
    tool       TEXT PRIMARY KEY,
    is_missing INTEGER NOT NULL,
    since      REAL NOT NULL
) WITHOUT ROWID;

-- Which case was merged into which, and the episodes that moved along, so that it can be undone.
CREATE TABLE merges (
    case_key INTEGER PRIMARY KEY REFERENCES cases (key) ON DELETE CASCADE,
    into_key INTEGER NOT NULL REFERENCES cases (key) ON DELETE CASCADE
);
CREATE INDEX merges_by_keeper ON merges (into_key);
CREATE TABLE merged_episodes (
    episode_key INTEGER PRIMARY KEY REFERENCES episodes (key) ON DELETE CASCADE,
    case_key    INTEGER NOT NULL REFERENCES cases (key) ON DELETE CASCADE
);
CREATE INDEX merged_episodes_by_case ON merged_episodes (case_key);
CREATE INDEX episodes_by_namespace ON episodes (namespace, created_at);
