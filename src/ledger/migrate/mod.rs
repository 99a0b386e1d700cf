//! From any older schema to the current one: a file per step, each in one transaction with its version number.
//! Not here: what the tables mean (schema.sql).

use rusqlite::{Connection, TransactionBehavior};

/// The steps in order; step n makes version n out of version n − 1.
const STEPS: &[&str] = &[include_str!("0001_first.sql")];

/// What this wayside writes.
pub(super) const VERSION: i32 = STEPS.len() as i32;

/// "ways": tells a wayside database from any other SQLite file.
pub(super) const APPLICATION_ID: i32 = 0x7761_7973;

/// Brings the database to [`VERSION`]. A step that fails leaves the version before it.
pub(super) fn migrate(conn: &mut Connection) -> rusqlite::Result<()> {
    apply(conn, STEPS)
}

fn apply(conn: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    for (step, sql) in (1..).zip(steps) {
        // Immediate, and the version is read inside: two processes that start together do each step once.
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version < step {
            tx.execute_batch(sql)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", step)?;
        }
        tx.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name and text of everything in the schema, without comments and layout.
    fn schema(conn: &Connection) -> Vec<(String, String)> {
        let mut statement = conn.prepare("SELECT name, coalesce(sql, '') FROM sqlite_master ORDER BY name").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
        rows.map(|row| {
            let (name, sql): (String, String) = row.unwrap();
            let code = sql.lines().map(|line| line.split("--").next().unwrap_or("")).collect::<Vec<_>>().join(" ");
            (name, code.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect()
    }

    #[test]
    fn the_steps_lead_to_the_documented_schema() {
        let mut migrated = Connection::open_in_memory().unwrap();
        migrate(&mut migrated).unwrap();
        let fresh = Connection::open_in_memory().unwrap();
        fresh.execute_batch(include_str!("../schema.sql")).unwrap();
        assert_eq!(schema(&migrated), schema(&fresh));
        assert!(schema(&fresh).len() > 10);
    }

    #[test]
    fn every_index_says_why_and_every_table_is_strict() {
        let text = include_str!("../schema.sql");
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            if line.starts_with("CREATE INDEX") {
                assert!(lines[i - 1].starts_with("-- why:"), "{line}");
            }
        }
        assert_eq!(text.matches("CREATE TABLE").count(), text.matches("\n) STRICT").count());
    }

    #[test]
    fn a_later_step_keeps_the_rows_and_is_done_once() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn).unwrap();
        conn.execute(
            "INSERT INTO run (source_name, live, width_px, height_px, config_sha256, model_name, model_sha256)
             VALUES ('a.mp4', 0, 1, 1, '', '', '')",
            [],
        )
        .unwrap();
        let steps = [STEPS, &["ALTER TABLE run ADD COLUMN note TEXT NOT NULL DEFAULT 'x'"]].concat();
        for _ in 0..2 {
            apply(&mut conn, &steps).unwrap();
        }
        let row: (String, String) =
            conn.query_row("SELECT source_name, note FROM run", [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
        assert_eq!(row, ("a.mp4".into(), "x".into()));
        let version: i32 = conn.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
        assert_eq!(version, VERSION + 1);
    }

    #[test]
    fn a_step_that_fails_leaves_nothing_of_itself() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn).unwrap();
        let before = schema(&conn);
        let steps = [STEPS, &["CREATE TABLE half (a INTEGER) STRICT; INSERT INTO nowhere VALUES (1);"]].concat();
        apply(&mut conn, &steps).unwrap_err();
        assert_eq!(schema(&conn), before);
        let version: i32 = conn.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
        assert_eq!(version, VERSION);
    }
}
