-- wayside.db: what was counted, and what was not seen. This file is the document of the current schema. Databases are
-- made by the steps in migrate/, and a test compares the two: change both together.
--
-- In words: a *run* counts one source with one configuration and one model over some *lines*. Each time a process works
-- on it is a *session*; what a session has looked at are its *seen* stretches; what it should have seen and did not is a
-- *gap*. A vehicle that passes a line is a *crossing*, and may leave a message in the *outbox*.
--
-- Times. `…_wall_us` is Unix time in microseconds, from a clock that may be set and may jump: nothing is keyed or
-- ordered by it. `…_us` alone is the source's own time since its start (presentation time of a clip), which only grows.
-- `session` holds this machine's clock; all other wall times come with the frames, and are NULL where the source has
-- none (a clip without --start).
--
-- Restart. A clip is counted again from its first frame with the same run: every key below is the same in the replay,
-- so known rows are recognised, and the new session's `seen` closes what the crash left open. A live source cannot be
-- replayed: every start is a run of its own, and the time from a crashed session's last mark to the next session of the
-- same source becomes a gap of reason 'down'. Between crash and restart nothing is written; readers see that the last
-- session has no ending and that no process holds the file's writer lock (`wayside.db-lock`).
--
-- Settings of every writer: journal_mode WAL, synchronous FULL (a commit that returned survives a power cut),
-- foreign_keys ON. application_id 0x77617973 ("ways"), user_version = number of the last step.

CREATE TABLE run (
    id            INTEGER PRIMARY KEY,
    -- sha256 over everything that decides the outcome of a replay: the digests of source, configuration and model, the
    -- source's name, the lines and the labels. NULL: cannot be replayed. UNIQUE also serves the search at each start.
    replay_key    TEXT UNIQUE CHECK (length(replay_key) = 64),
    source_name   TEXT NOT NULL CHECK (source_name <> ''),
    -- Of the content, where the source has a digest.
    source_sha256 TEXT,
    live          INTEGER NOT NULL CHECK (live IN (0, 1)),
    width_px      INTEGER NOT NULL CHECK (width_px > 0),
    height_px     INTEGER NOT NULL CHECK (height_px > 0),
    config_sha256 TEXT NOT NULL,
    model_name    TEXT NOT NULL,
    model_sha256  TEXT NOT NULL,
    CHECK (live = 0 OR replay_key IS NULL)
) STRICT;

-- A counting line. Relative coordinates: 0 to 1 from the left and from the top.
CREATE TABLE line (
    id     INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 0),
    name   TEXT NOT NULL CHECK (name <> ''),
    from_x REAL NOT NULL CHECK (from_x BETWEEN 0 AND 1),
    from_y REAL NOT NULL CHECK (from_y BETWEEN 0 AND 1),
    to_x   REAL NOT NULL CHECK (to_x BETWEEN 0 AND 1),
    to_y   REAL NOT NULL CHECK (to_y BETWEEN 0 AND 1),
    -- What people call the two directions.
    a_to_b TEXT NOT NULL CHECK (a_to_b <> ''),
    b_to_a TEXT NOT NULL CHECK (b_to_a <> ''),
    UNIQUE (run_id, number),
    UNIQUE (run_id, name)
) STRICT;

-- The life of one process on a run. Wall times are this machine's.
CREATE TABLE session (
    id              INTEGER PRIMARY KEY,
    run_id          INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    wayside_version TEXT NOT NULL,
    started_wall_us INTEGER NOT NULL CHECK (started_wall_us >= 0),
    -- Last commit: alive at least until then.
    marked_wall_us  INTEGER NOT NULL CHECK (marked_wall_us >= 0),
    ended_wall_us   INTEGER CHECK (ended_wall_us >= 0),
    -- NULL while it runs, and after a crash until the next writer finds it and writes 'crashed'.
    ending          TEXT CHECK (ending IN ('complete', 'stopped', 'failed', 'crashed')),
    CHECK ((ended_wall_us IS NULL) = (ending IS NULL OR ending = 'crashed'))
) STRICT;

-- why: every start looks for unfinished sessions of its source, and deleting a run deletes its sessions.
CREATE INDEX session_by_run ON session (run_id);

-- The marks: a stretch that a session has looked at, from its first to its last frame. `until_us` grows with every
-- commit. A new stretch begins where the wall clock was set, so within one both clocks ran alike (to a second).
CREATE TABLE seen (
    session_id    INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    from_us       INTEGER NOT NULL CHECK (from_us >= 0),
    until_us      INTEGER NOT NULL CHECK (until_us >= from_us),
    from_wall_us  INTEGER CHECK (from_wall_us >= 0),
    until_wall_us INTEGER CHECK (until_wall_us >= from_wall_us),
    PRIMARY KEY (session_id, from_us),
    CHECK ((from_wall_us IS NULL) = (until_wall_us IS NULL))
) STRICT, WITHOUT ROWID;

-- Frames that were due and not seen. The key makes a replayed gap the same gap.
CREATE TABLE gap (
    run_id       INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    from_us      INTEGER NOT NULL CHECK (from_us >= 0),
    to_us        INTEGER NOT NULL CHECK (to_us >= from_us),
    from_wall_us INTEGER CHECK (from_wall_us >= 0),
    to_wall_us   INTEGER CHECK (to_wall_us >= 0),
    -- 0 where nobody could count them ('down').
    frames       INTEGER NOT NULL CHECK (frames >= 0),
    -- source: not delivered. overload: replaced by a newer frame. down: nobody was looking.
    reason       TEXT NOT NULL CHECK (reason IN ('source', 'overload', 'down')),
    PRIMARY KEY (run_id, from_us, reason)
) STRICT, WITHOUT ROWID;

-- One passage of one vehicle over one line.
CREATE TABLE crossing (
    id        INTEGER PRIMARY KEY,
    line_id   INTEGER NOT NULL REFERENCES line (id) ON DELETE CASCADE,
    direction TEXT NOT NULL CHECK (direction IN ('a_to_b', 'b_to_a')),
    track     INTEGER NOT NULL CHECK (track >= 1),
    -- From 1: a vehicle that turns round twice passes the same line in the same direction again.
    passage   INTEGER NOT NULL CHECK (passage >= 1),
    class     TEXT NOT NULL CHECK (class <> ''),
    score     REAL NOT NULL CHECK (score BETWEEN 0 AND 1),
    media_us  INTEGER NOT NULL CHECK (media_us >= 0),
    wall_us   INTEGER CHECK (wall_us >= 0),
    frame_seq INTEGER NOT NULL CHECK (frame_seq >= 0),
    -- Where, relative to the picture.
    x         REAL NOT NULL CHECK (x BETWEEN 0 AND 1),
    y         REAL NOT NULL CHECK (y BETWEEN 0 AND 1),
    speed_kmh REAL CHECK (speed_kmh >= 0),
    -- Also the search for what a replay has stored before.
    UNIQUE (line_id, direction, track, passage)
) STRICT;

-- why: a report of one day must not read ten years. Clips without a wall time stay out of it.
CREATE INDEX crossing_by_wall ON crossing (wall_us) WHERE wall_us IS NOT NULL;

-- Messages to be sent, written in the transaction of their crossing: none can be lost, invented or doubled.
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

-- why: the publisher asks again and again for the oldest message that is not sent; sent ones are the many.
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_wall_us IS NULL;

-- Crossings with their names, for people and for bins: `minute` counts from the Unix epoch where there is a wall time,
-- else from the start of the source. Bins of 15 minutes, without coverage:
--     SELECT source_name, run_id, minute / 15 * 15 AS minute, line, direction, class, count(*)
--     FROM passage GROUP BY 1, 2, 3, 4, 5, 6;
-- `wayside report` adds to each interval how much of it was seen.
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
