-- Version 1. A step that has been released is never changed; what the tables mean is in ../schema.sql.

CREATE TABLE run (
    id            INTEGER PRIMARY KEY,
    replay_key    TEXT UNIQUE CHECK (length(replay_key) = 64),
    source_name   TEXT NOT NULL CHECK (source_name <> ''),
    source_sha256 TEXT,
    live          INTEGER NOT NULL CHECK (live IN (0, 1)),
    width_px      INTEGER NOT NULL CHECK (width_px > 0),
    height_px     INTEGER NOT NULL CHECK (height_px > 0),
    config_sha256 TEXT NOT NULL,
    model_name    TEXT NOT NULL,
    model_sha256  TEXT NOT NULL,
    CHECK (live = 0 OR replay_key IS NULL)
) STRICT;

CREATE TABLE line (
    id     INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 0),
    name   TEXT NOT NULL CHECK (name <> ''),
    from_x REAL NOT NULL CHECK (from_x BETWEEN 0 AND 1),
    from_y REAL NOT NULL CHECK (from_y BETWEEN 0 AND 1),
    to_x   REAL NOT NULL CHECK (to_x BETWEEN 0 AND 1),
    to_y   REAL NOT NULL CHECK (to_y BETWEEN 0 AND 1),
    a_to_b TEXT NOT NULL CHECK (a_to_b <> ''),
    b_to_a TEXT NOT NULL CHECK (b_to_a <> ''),
    UNIQUE (run_id, number),
    UNIQUE (run_id, name)
) STRICT;

CREATE TABLE session (
    id              INTEGER PRIMARY KEY,
    run_id          INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    wayside_version TEXT NOT NULL,
    started_wall_us INTEGER NOT NULL CHECK (started_wall_us >= 0),
    marked_wall_us  INTEGER NOT NULL CHECK (marked_wall_us >= 0),
    ended_wall_us   INTEGER CHECK (ended_wall_us >= 0),
    ending          TEXT CHECK (ending IN ('complete', 'stopped', 'failed', 'crashed')),
    CHECK ((ended_wall_us IS NULL) = (ending IS NULL OR ending = 'crashed'))
) STRICT;

CREATE INDEX session_by_run ON session (run_id);

CREATE TABLE seen (
    session_id    INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    from_us       INTEGER NOT NULL CHECK (from_us >= 0),
    until_us      INTEGER NOT NULL CHECK (until_us >= from_us),
    from_wall_us  INTEGER CHECK (from_wall_us >= 0),
    until_wall_us INTEGER CHECK (until_wall_us >= from_wall_us),
    PRIMARY KEY (session_id, from_us),
    CHECK ((from_wall_us IS NULL) = (until_wall_us IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE gap (
    run_id       INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    from_us      INTEGER NOT NULL CHECK (from_us >= 0),
    to_us        INTEGER NOT NULL CHECK (to_us >= from_us),
    from_wall_us INTEGER CHECK (from_wall_us >= 0),
    to_wall_us   INTEGER CHECK (to_wall_us >= 0),
    frames       INTEGER NOT NULL CHECK (frames >= 0),
    reason       TEXT NOT NULL CHECK (reason IN ('source', 'overload', 'down')),
    PRIMARY KEY (run_id, from_us, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE crossing (
    id        INTEGER PRIMARY KEY,
    line_id   INTEGER NOT NULL REFERENCES line (id) ON DELETE CASCADE,
    direction TEXT NOT NULL CHECK (direction IN ('a_to_b', 'b_to_a')),
    track     INTEGER NOT NULL CHECK (track >= 1),
    passage   INTEGER NOT NULL CHECK (passage >= 1),
    class     TEXT NOT NULL CHECK (class <> ''),
    score     REAL NOT NULL CHECK (score BETWEEN 0 AND 1),
    media_us  INTEGER NOT NULL CHECK (media_us >= 0),
    wall_us   INTEGER CHECK (wall_us >= 0),
    frame_seq INTEGER NOT NULL CHECK (frame_seq >= 0),
    x         REAL NOT NULL CHECK (x BETWEEN 0 AND 1),
    y         REAL NOT NULL CHECK (y BETWEEN 0 AND 1),
    speed_kmh REAL CHECK (speed_kmh >= 0),
    UNIQUE (line_id, direction, track, passage)
) STRICT;

CREATE INDEX crossing_by_wall ON crossing (wall_us) WHERE wall_us IS NOT NULL;

CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY,
    crossing_id     INTEGER NOT NULL REFERENCES crossing (id) ON DELETE CASCADE,
    topic           TEXT NOT NULL CHECK (topic <> ''),
    payload         TEXT NOT NULL CHECK (json_valid(payload)),
    created_wall_us INTEGER NOT NULL CHECK (created_wall_us >= 0),
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    sent_wall_us    INTEGER CHECK (sent_wall_us >= 0),
    UNIQUE (crossing_id, topic)
) STRICT;

CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_wall_us IS NULL;

CREATE VIEW passage AS
SELECT
    crossing.id AS crossing_id,
    run.id AS run_id,
    run.source_name,
    line.name AS line,
    CASE crossing.direction WHEN 'a_to_b' THEN line.a_to_b ELSE line.b_to_a END AS direction,
    crossing.direction AS way,
    crossing.class,
    crossing.media_us,
    crossing.wall_us,
    coalesce(crossing.wall_us, crossing.media_us) / 60000000 AS minute
FROM crossing JOIN line ON line.id = crossing.line_id JOIN run ON run.id = line.run_id;
