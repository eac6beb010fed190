//! A process and its descendants, which are stopped together: at the end of a run, when it fails or panics, and before
//! this process exits at a second interrupt. The only file that calls rustix.
//!
//! The process leads a group of its own, so an interrupt from the terminal does not reach it: it serves until what was
//! launched is removed. On Linux this process adopts the orphans among its descendants, so that it can wait for them,
//! and finds those that have left the group by a variable in their environment.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, test_kill_process_group, waitid,
    waitpgid,
};

/// How often it is checked whether processes have ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long killed processes may take to vanish. Those that do not are stuck in the kernel, or in a container nobody
/// collects them.
const AFTER_KILL: Duration = Duration::from_secs(2);

/// The groups that are running, for [`kill_all`].
static RUNNING: Mutex<Vec<GroupId>> = Mutex::new(Vec::new());

/// A group of processes. Dropping it stops it.
#[derive(Debug)]
pub(super) struct ProcessGroup {
    leader: Child,
    id: GroupId,
    /// The variable that all its processes inherit.
    mark: (&'static str, String),
    status: Option<ExitStatus>,
    is_stopped: bool,
    stop_timeout: Duration,
}

/// The id of a group, which is that of its leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupId(Pid);

impl GroupId {
    /// Whether the leader has ended. It remains to be waited for, so that its id is not used again.
    pub(super) fn has_ended(self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.0), options), Ok(None))
    }
}

impl ProcessGroup {
    /// Starts a command as the leader of a group. It and its children get the variable `mark`, and `stop_timeout` to
    /// end when they are asked to.
    pub(super) fn start(
        command: &mut Command,
        mark: (&'static str, String),
        stop_timeout: Duration,
    ) -> io::Result<Self> {
        adopt_orphans();
        // Locked meanwhile: an interrupt must not find the list without a process that has been started.
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let leader = command.env(mark.0, &mark.1).process_group(0).spawn()?;
        let id = GroupId(Pid::from_child(&leader));
        running.push(id);
        Ok(ProcessGroup {
            leader,
            id,
            mark,
            status: None,
            is_stopped: false,
            stop_timeout,
        })
    }

    /// The id of the group.
    pub(super) fn id(&self) -> GroupId {
        self.id
    }

    /// How the leader ended, after [`stop`](Self::stop).
    pub(super) fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// Asks all processes to end, waits, and kills those that remain.
    pub(super) fn stop(&mut self) {
        if self.is_stopped {
            return;
        }
        self.is_stopped = true;
        // Errors mean that there is no such process any more.
        let _ = kill_process_group(self.id.0, Signal::TERM);
        if !self.is_gone_within(self.stop_timeout) {
            let _ = kill_process_group(self.id.0, Signal::KILL);
            self.is_gone_within(AFTER_KILL);
        }
        kill_strays(&self.mark);
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|other| *other != self.id);
    }

    fn is_gone_within(&mut self, limit: Duration) -> bool {
        let begin = Instant::now();
        while !self.is_gone() {
            if begin.elapsed() >= limit {
                return false;
            }
            thread::sleep(LOOK_EVERY);
        }
        true
    }

    fn is_gone(&mut self) -> bool {
        if self.status.is_none() {
            match self.leader.try_wait() {
                Ok(Some(status)) => self.status = Some(status),
                Ok(None) => return false,
                // Somebody else has waited for it.
                Err(_) => {}
            }
        }
        while let Ok(Some(_)) = waitpgid(self.id.0, WaitOptions::NOHANG) {}
        test_kill_process_group(self.id.0).is_err()
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Kills all groups at once, for a process that is about to exit.
pub(super) fn kill_all() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    for id in running.iter() {
        let _ = kill_process_group(id.0, Signal::KILL);
    }
}

/// Makes the orphans among our descendants our children. Without that, they are only killed.
#[cfg(target_os = "linux")]
fn adopt_orphans() {
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() {}

/// Kills the children of this process that have the variable in their environment: they have left their group, and
/// whoever started them has ended.
#[cfg(target_os = "linux")]
fn kill_strays(mark: &(&str, String)) {
    use rustix::process::{kill_process, waitpid};
    let mark = format!("{}={}", mark.0, mark.1);
    let begin = Instant::now();
    // The children of a stray become ours when it ends.
    loop {
        let strays: Vec<Pid> = children()
            .into_iter()
            .filter(|child| has_variable(*child, mark.as_bytes()))
            .collect();
        if strays.is_empty() || begin.elapsed() >= AFTER_KILL {
            return;
        }
        for stray in &strays {
            let _ = kill_process(*stray, Signal::KILL);
        }
        thread::sleep(LOOK_EVERY);
        for stray in strays {
            let _ = waitpid(Some(stray), WaitOptions::NOHANG);
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn kill_strays(_: &(&str, String)) {}

/// The children of this process, as far as the kernel lists them.
#[cfg(target_os = "linux")]
fn children() -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| {
            let ids = list.split_ascii_whitespace().map(str::parse);
            ids.filter_map(|id| Pid::from_raw(id.ok()?)).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(target_os = "linux")]
fn has_variable(process: Pid, variable: &[u8]) -> bool {
    let environment = std::fs::read(format!("/proc/{}/environ", process.as_raw_nonzero()));
    environment.is_ok_and(|bytes| bytes.split(|byte| *byte == 0).any(|entry| entry == variable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeping() -> ProcessGroup {
        let mark = ("STOPCHECK_TEST", "a panic".to_owned());
        ProcessGroup::start(Command::new("sleep").arg("600"), mark, Duration::from_secs(60))
            .expect("sleep is everywhere")
    }

    #[test]
    fn a_group_ends_when_a_panic_unwinds() {
        let group = sleeping();
        let id = group.id();
        assert!(!id.has_ended());
        let panic = std::panic::catch_unwind(move || {
            let _group = group;
            std::panic::resume_unwind(Box::new("a panic that prints nothing"));
        });
        assert!(panic.is_err());
        assert!(test_kill_process_group(id.0).is_err(), "it is gone");
    }

    #[test]
    fn a_leader_that_has_ended_is_noticed_and_can_still_be_waited_for() {
        let mark = ("STOPCHECK_TEST", "an end".to_owned());
        let mut ended = Command::new("sh");
        ended.args(["-c", "exit 3"]);
        let mut group =
            ProcessGroup::start(&mut ended, mark, Duration::from_secs(60)).expect("sh is everywhere");
        while !group.id().has_ended() {
            thread::yield_now();
        }
        group.stop();
        assert_eq!(group.status().and_then(|status| status.code()), Some(3));
    }
}
