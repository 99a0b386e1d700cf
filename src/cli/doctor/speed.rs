//! How fast this board is with this model, and whether that is enough for its sources.

use super::super::bench::{engine_alone, grey};
use super::super::counting::sessions;
use super::Note;
use crate::clock::Clock;
use crate::config::ModelConfig;
use crate::model::ModelFolder;
use crate::source::SourceInfo;

/// Runs per session: enough to see the order of magnitude, few enough for a large network on a small board.
const RUNS: usize = 3;

/// `config`: `[model]`. `sources`: those that could be opened.
pub fn note(model: &ModelFolder, config: &ModelConfig, sources: &[SourceInfo], clock: &dyn Clock) -> Note {
    let sessions = sessions(config.sessions);
    let measured = || -> anyhow::Result<(f64, f64)> {
        let program = config.engine.load(model)?;
        let (times, rate) = engine_alone(program.as_ref(), &grey(model), sessions, RUNS, clock)?;
        let ms = times.iter().map(|time| time.as_secs_f64() * 1e3).fold(f64::INFINITY, f64::min);
        Ok((ms, rate))
    };
    match measured() {
        Ok((ms, rate)) => verdict(ms, rate, sessions, sources),
        Err(error) => Note::wrong("model", format!("{error:#}")),
    }
}

/// Every source's rate is what is left of it after `every`. What is not live can take its time.
fn verdict(ms: f64, rate: f64, sessions: usize, sources: &[SourceInfo]) -> Note {
    let wanted: f64 = sources.iter().filter(|info| info.live).map(|info| info.nominal_fps).sum();
    let speed = format!("{ms:.1} ms a picture, {rate:.1} a second with {sessions} session(s)");
    match wanted > 0.0 {
        false => Note::ok("speed", speed),
        true if rate >= wanted => Note::ok("speed", format!("{speed}; the live sources want {wanted:.1}")),
        true => {
            let every = (wanted / rate).ceil();
            Note::warn(
                "speed",
                format!(
                    "{speed}, but the live sources want {wanted:.1}: every = {every:.0} in [[source]], or a smaller model"
                ),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Severity::{Info, Warning};

    #[test]
    fn a_board_that_is_too_slow_for_its_cameras_is_told_what_to_do() {
        let source = |live| SourceInfo {
            name: "a".into(),
            width: 640,
            height: 360,
            nominal_fps: 25.0,
            frames: None,
            seq_step: 1,
            duration: None,
            live,
            digest: None,
        };
        assert_eq!(verdict(20.0, 50.0, 1, &[source(true), source(true)]).severity, Info);
        assert_eq!(verdict(200.0, 5.0, 1, &[source(false)]).severity, Info, "a clip can wait");
        let slow = verdict(100.0, 10.0, 1, &[source(true), source(true)]);
        assert!(slow.severity == Warning && slow.text.contains("every = 5"), "{slow:?}");
    }
}
