//! Tells systemd how the service is, and goes silent when a stage hangs, so that systemd ends the process and starts it
//! anew. The protocol is sd_notify(3): lines of KEY=value in a datagram to `$NOTIFY_SOCKET`. Without that variable
//! nothing is sent. Not here: the stages' signs of life ([`Beat`]), which each thread gives itself.
//!
//! READY=1 is said when everything is open and every thread runs, not when the first frame came: a camera that is
//! unplugged as the board starts is waited for, and must not make systemd end the service again and again. What is
//! waited for stands in STATUS.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use super::Stats;
use crate::beat::Beat;

/// Where the service's state is told, and how often. The default tells nobody.
#[derive(Debug, Default)]
pub struct Watchdog {
    socket: Option<(UnixDatagram, SocketAddr)>,
    interval: Option<Duration>,
}

/// How often the status is told where no watchdog asks for it.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// How long a stage may stand still where no watchdog says.
const STILL: Duration = Duration::from_secs(30);

impl Watchdog {
    /// As systemd has set the environment of this process.
    pub fn from_env() -> Self {
        Self::from_vars(|name| env::var_os(name), std::process::id()).unwrap_or_else(|error| {
            log::warn!("NOTIFY_SOCKET: {error}: systemd is not told how the service is");
            Self::default()
        })
    }

    fn from_vars(var: impl Fn(&str) -> Option<OsString>, process: u32) -> io::Result<Self> {
        let Some(name) = var("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        let number = |name| var(name).and_then(|text| text.to_str()?.parse::<u64>().ok());
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process));
        let interval = number("WATCHDOG_USEC").filter(|us| ours && *us > 0);
        Self::new(&name, interval.map(Duration::from_micros))
    }

    /// `name`: a path, or `@` and an abstract name. `interval`: the longest silence that systemd accepts (WatchdogSec).
    pub fn new(name: &OsStr, interval: Option<Duration>) -> io::Result<Self> {
        let to = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A full queue must not stop us: the next message is as good.
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Some((socket, to)), interval })
    }

    /// One line for people: `systemctl status` shows the last one.
    pub fn status(&self, line: &str) {
        self.say(&format!("STATUS={line}"));
    }

    fn say(&self, message: &str) {
        if let Some((socket, to)) = &self.socket
            && let Err(error) = socket.send_to_addr(message.as_bytes(), to)
        {
            log::debug!("systemd was not told {message:?}: {error}");
        }
    }

    /// Two messages may be lost before systemd acts.
    fn every(&self) -> Duration {
        self.interval.map_or(STATUS_EVERY, |interval| interval / 4)
    }

    /// A stage that stands still for so long hangs.
    fn still(&self) -> Duration {
        self.interval.map_or(STILL, |interval| interval / 2)
    }
}

/// Looks at every stage of one run, from the calling thread: so a caller that hangs is silent too. A plain object that is
/// told the time.
pub(super) struct Watch {
    watchdog: Watchdog,
    stages: Vec<Stage>,
    sources: Vec<String>,
    /// When the next message is due; `None` before the first one, which says that we are ready.
    next: Option<Duration>,
    told: Told,
    hangs: bool,
    stopping: bool,
}

struct Stage {
    name: String,
    beat: Beat,
    /// The last sign, and when it was first seen.
    seen: u64,
    since: Duration,
}

impl Stage {
    fn hangs(&self, now: Duration, still: Duration) -> bool {
        !self.beat.resting() && now.saturating_sub(self.since) >= still
    }
}

/// What the last message counted.
#[derive(Default)]
struct Told {
    at: Duration,
    processed: u64,
    delivered: Vec<u64>,
}

impl Watch {
    /// `sources`: their names, in the order of [`Stats::sources`].
    pub fn new(watchdog: Watchdog, stages: Vec<(String, Beat)>, sources: Vec<String>, now: Duration) -> Self {
        let stage = |(name, beat): (String, Beat)| Stage { name, seen: beat.get(), beat, since: now };
        let told = Told { at: now, processed: 0, delivered: vec![0; sources.len()] };
        let stages = stages.into_iter().map(stage).collect();
        Self { watchdog, stages, sources, next: None, told, hangs: false, stopping: false }
    }

    /// To be called some times a second.
    pub fn step(&mut self, now: Duration, stats: &Stats) {
        for stage in &mut self.stages {
            let sign = stage.beat.get();
            if sign != stage.seen {
                (stage.seen, stage.since) = (sign, now);
            }
        }
        if self.stopping || self.next.is_some_and(|next| now < next) {
            return;
        }
        let ready = if self.next.is_none() { "READY=1\n" } else { "" };
        self.next = Some(now + self.watchdog.every());

        let still = self.watchdog.still();
        // The stages before the one that hangs cannot move either: the first to stand still is the one, of equals the last
        // on the way.
        let hanging = self.stages.iter().rev().filter(|stage| stage.hangs(now, still));
        match hanging.min_by_key(|stage| stage.since) {
            Some(stage) => {
                let seconds = (now - stage.since).as_secs();
                let line = format!("{} has not moved for {seconds} s: the watchdog is not fed", stage.name);
                if !std::mem::replace(&mut self.hangs, true) {
                    log::error!("{line}");
                }
                self.watchdog.say(&format!("{ready}STATUS={line}"));
            }
            None => {
                if std::mem::replace(&mut self.hangs, false) {
                    log::warn!("every stage moves again");
                }
                let line = self.told.status(now, stats, &self.sources);
                self.watchdog.say(&format!("{ready}WATCHDOG=1\nSTATUS={line}"));
            }
        }
    }

    /// From here on systemd waits for the end instead (TimeoutStopSec).
    pub fn stopping(&mut self) {
        if !std::mem::replace(&mut self.stopping, true) {
            self.watchdog.say("STOPPING=1\nSTATUS=storing what was seen");
        }
    }
}

impl Told {
    fn status(&mut self, now: Duration, stats: &Stats, sources: &[String]) -> String {
        let sum = |f: fn(&super::SourceStats) -> u64| stats.sources.iter().map(f).sum::<u64>();
        let processed = sum(|s| s.processed.get());
        let seconds = now.saturating_sub(self.at).as_secs_f64().max(1e-3);
        let mut line = format!(
            "{:.1} frames/s, {} crossings; {} frames missing, {} dropped",
            (processed - self.processed) as f64 / seconds,
            sum(|s| s.crossings.get()),
            sum(|s| s.missing.get()),
            sum(|s| s.overload.get()),
        );
        for ((name, source), delivered) in sources.iter().zip(&stats.sources).zip(&mut self.delivered) {
            let before = std::mem::replace(delivered, source.delivered.get());
            if before == *delivered {
                line += &format!("; waiting for {name}");
            }
        }
        (self.at, self.processed) = (now, processed);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: f64) -> Duration {
        Duration::from_secs_f64(s)
    }

    /// A watch over stages `a` and `b`, fed every second (WatchdogSec=4), and the socket that it tells.
    fn watch() -> (tempfile::TempDir, UnixDatagram, Watch, [Beat; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let watchdog = Watchdog::new(path.as_os_str(), Some(secs(4.0))).unwrap();
        let beats = [Beat::default(), Beat::default()];
        let stages = ["a", "b"].map(String::from).into_iter().zip(beats.clone()).collect();
        (folder, socket, Watch::new(watchdog, stages, vec!["road".into()], secs(0.0)), beats)
    }

    fn heard(socket: &UnixDatagram) -> Vec<String> {
        let mut buffer = [0; 512];
        std::iter::from_fn(|| {
            let n = socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8(buffer[..n].to_vec()).unwrap())
        })
        .collect()
    }

    #[test]
    fn ready_once_then_fed_each_quarter_of_the_interval() {
        let (_folder, socket, mut watch, beats) = watch();
        let stats = Stats::new(1);
        for tenth in 0..25 {
            beats.iter().for_each(Beat::moved);
            stats.sources[0].delivered.add(1);
            stats.sources[0].processed.add(1);
            watch.step(secs(f64::from(tenth) / 10.0), &stats);
        }
        let heard = heard(&socket);
        assert_eq!(heard.len(), 3, "{heard:#?}");
        assert!(heard[0].starts_with("READY=1\nWATCHDOG=1\nSTATUS="));
        assert_eq!(heard[1], "WATCHDOG=1\nSTATUS=10.0 frames/s, 0 crossings; 0 frames missing, 0 dropped");
    }

    #[test]
    fn a_stage_that_stands_still_ends_the_feeding_and_one_that_rests_does_not() {
        let (_folder, socket, mut watch, [a, b]) = watch();
        let stats = Stats::new(1);
        b.rests();
        let mut fed = Vec::new();
        for second in 0..10 {
            if !(4..8).contains(&second) {
                a.moved();
            }
            watch.step(secs(second.into()), &stats);
            let heard = heard(&socket).concat();
            fed.push(heard.contains("WATCHDOG=1"));
            assert_eq!(heard.contains("a has not moved"), !fed[second as usize], "{heard}");
            assert!(fed[second as usize] == heard.contains("waiting for road"), "{heard}");
        }
        // The last sign is of second 3; half of the interval later it is missed.
        assert_eq!(fed, [true, true, true, true, true, false, false, false, true, true]);
    }

    #[test]
    fn stopping_is_said_once_and_ends_the_feeding() {
        let (_folder, socket, mut watch, _) = watch();
        watch.step(secs(0.0), &Stats::new(1));
        watch.stopping();
        watch.stopping();
        watch.step(secs(9.0), &Stats::new(1));
        let heard = heard(&socket);
        assert_eq!(heard.len(), 2, "{heard:#?}");
        assert!(heard[1].starts_with("STOPPING=1"));
    }

    #[test]
    fn the_environment_says_where_and_how_often() {
        let vars = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        let silent = Watchdog::from_vars(vars(&[("WATCHDOG_USEC", "3000000")]), 7).unwrap();
        assert!(silent.socket.is_none() && silent.interval.is_none());
        silent.status("nobody hears it");

        let all = [("NOTIFY_SOCKET", "@wayside-test"), ("WATCHDOG_USEC", "3000000"), ("WATCHDOG_PID", "7")];
        let all: &'static [_] = Box::leak(Box::new(all));
        assert_eq!(Watchdog::from_vars(vars(all), 7).unwrap().interval, Some(secs(3.0)));
        assert_eq!(Watchdog::from_vars(vars(all), 8).unwrap().interval, None, "the watchdog is another process's");
        let long: &'static str = Box::leak("x".repeat(300).into_boxed_str());
        let pairs: &'static [_] = Box::leak(Box::new([("NOTIFY_SOCKET", long)]));
        assert!(Watchdog::from_vars(vars(pairs), 7).is_err());
    }

    #[test]
    fn an_abstract_socket_hears_it_too() {
        let name = format!("wayside-test-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Watchdog::new(OsStr::new(&format!("@{name}")), None).unwrap().status("here");
        let mut buffer = [0; 64];
        let n = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], b"STATUS=here");
    }
}
