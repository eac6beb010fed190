//! libFuzzer: runs the programs that cargo-fuzz builds, and parses their output.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Target, folders, size};
use crate::shell::{self, TaskOutcome};
use crate::tools;
use crate::workspace::Workspace;

/// For all cores this takes a fifth less time to build than one unit does. `.clusterfuzzlite/build.sh` has the same
/// value, so that both share the build.
const CODEGEN_UNITS: &str = "--codegen-units=16";

/// What is watched besides panics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sanitizer {
    /// Nothing: what is fuzzed is safe Rust.
    #[default]
    None,
    /// Memory, of the libraries with unsafe code, too. Needs the run-time library of the sanitizer.
    Address,
}

/// All targets, built.
pub(super) struct Engine<'w> {
    workspace: &'w Workspace,
    programs: PathBuf,
    sanitizer: Sanitizer,
}

/// The destination of the output of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// Standard error.
    Shown,
    /// A log file only, to read if something is found.
    Kept,
}

/// The result of a run.
pub(super) struct FuzzRun {
    target: String,
    is_good: bool,
    took: Duration,
    log: PathBuf,
    executed: Option<u64>,
    coverage: Option<u64>,
    peak_mb: Option<u64>,
    /// The beginning of the panic message.
    panic: Option<String>,
    artifact: Option<String>,
}

impl<'w> Engine<'w> {
    /// Builds every target, or one of them, with a toolchain that supports the sanitizer.
    pub(super) fn build(
        workspace: &'w Workspace,
        sanitizer: Sanitizer,
        only: Option<&Target>,
    ) -> Result<Engine<'w>> {
        let mut build = workspace.command(tools::cargo_fuzz(workspace)?);
        build.args(["fuzz", "build", CODEGEN_UNITS]);
        build.args(only.iter().map(|target| &target.name));
        let folder = workspace.path(match sanitizer {
            Sanitizer::None => "fuzz/target",
            Sanitizer::Address => "fuzz/target/address",
        });
        // Set explicitly, so that the developer's own target folder setting does not move the programs.
        build.arg("--target-dir").arg(&folder);
        match sanitizer {
            Sanitizer::None => build.arg("--sanitizer=none"),
            Sanitizer::Address => {
                let toolchain = with_sanitizer(workspace)?;
                println!("address sanitizer: by the toolchain {}", toolchain.name);
                if toolchain.is_stable {
                    // The flag is only accepted by nightly, but stable has the library too.
                    build.env("RUSTC_BOOTSTRAP", "1");
                }
                build
                    .env("RUSTUP_TOOLCHAIN", toolchain.name)
                    .arg("--sanitizer=address")
            }
        };
        shell::run(&mut build)?;
        let host = host(workspace)?;
        Ok(Engine {
            workspace,
            programs: folder.join(host).join("release"),
            sanitizer,
        })
    }

    /// The program of a target, without arguments.
    fn program(&self, target: &Target) -> Command {
        let mut program = self.workspace.command(self.programs.join(&target.name));
        if self.sanitizer == Sanitizer::Address {
            // Memory that is kept until the program exits is not a leak.
            program.env("ASAN_OPTIONS", "detect_leaks=0");
        }
        program
    }

    /// The folder of inputs that the fuzzer found itself.
    fn grown(&self, target: &Target) -> Result<PathBuf> {
        let grown = self.workspace.target("fuzz-corpus").join(&target.name);
        fs::create_dir_all(&grown).with_context(|| format!("could not make {}", grown.display()))?;
        Ok(grown)
    }

    /// Runs a target.
    pub(super) fn fuzz(&self, target: &Target, options: &[String], output: Output) -> Result<FuzzRun> {
        let artifacts = self.workspace.path("fuzz/artifacts").join(&target.name);
        let logs = self.workspace.target("fuzz-logs");
        for folder in [&artifacts, &logs] {
            fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        }
        let log = logs.join(format!("{}.log", target.name));
        let mut program = self.program(target);
        program
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-print_final_stats=1", "-timeout=20", "-rss_limit_mb=1024"])
            .args(options);
        if target.dictionary {
            program.arg(format!(
                "-dict={}",
                self.workspace.path("fuzz/ec2.dict").display()
            ));
        }
        program
            .arg(self.grown(target)?)
            .args(folders(self.workspace, target));
        let start = Instant::now();
        let mut child = program
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start `{}`", shell::line(&program)))?;
        let mut kept = File::create(&log).with_context(|| format!("could not make {}", log.display()))?;
        let mut run = FuzzRun::new(target, log);
        let stderr = child.stderr.take().context("the output of a fuzzer is read")?;
        let mut lines = BufReader::new(stderr);
        let mut bytes = Vec::new();
        while lines.read_until(b'\n', &mut bytes)? > 0 {
            let line = String::from_utf8_lossy(&bytes).into_owned();
            kept.write_all(&bytes)?;
            if output == Output::Shown {
                eprint!("{line}");
            }
            run.read(line.trim_end());
            bytes.clear();
        }
        run.is_good = child.wait()?.success();
        run.took = start.elapsed();
        Ok(run)
    }

    /// Removes inputs found by the fuzzer that reach nothing that the others do not reach.
    pub(super) fn distil(&self, target: &Target) -> Result<()> {
        let grown = self.grown(target)?;
        let before = count(&grown)?;
        let distilled = self.workspace.target("fuzz-distilled").join(&target.name);
        let _ = fs::remove_dir_all(&distilled);
        fs::create_dir_all(&distilled).with_context(|| format!("could not make {}", distilled.display()))?;
        let mut merge = self.program(target);
        merge.arg("-merge=1").arg(&distilled).arg(&grown);
        quietly(&mut merge)?;
        fs::remove_dir_all(&grown).with_context(|| format!("could not remove {}", grown.display()))?;
        fs::rename(&distilled, &grown)
            .with_context(|| format!("could not rename {}", distilled.display()))?;
        println!("{}: {} of {before} inputs are left", target.name, count(&grown)?);
        Ok(())
    }

    /// Adds inputs that reach new code to the committed corpus, as few as necessary. How often code is reached is
    /// ignored.
    pub(super) fn keep(&self, target: &Target) -> Result<()> {
        let corpus = self.workspace.path("fuzz/corpus").join(&target.name);
        let before = count(&corpus)?;
        let mut merge = self.program(target);
        merge
            .args([
                "-set_cover_merge=1",
                "-use_counters=0",
                "-use_value_profile=0",
                "-max_len=4096",
            ])
            .arg(&corpus)
            .arg(self.grown(target)?);
        quietly(&mut merge)?;
        println!("{}: {} inputs more", target.name, count(&corpus)? - before);
        Ok(())
    }

    /// Whether an input still fails.
    pub(super) fn fails(&self, target: &Target, input: &Path) -> Result<bool> {
        let mut once = self.program(target);
        once.arg(input)
            .arg("-timeout=20")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(!shell::status(&mut once)?.success())
    }

    /// Shortens a failing input as far as possible in the given time, and writes it to a file.
    pub(super) fn shorten(&self, target: &Target, input: &Path, to: &Path, seconds: u64) -> Result<()> {
        if !self.fails(target, input)? {
            bail!("{} does not fail in {}", input.display(), target.name);
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        }
        let _ = fs::remove_file(to);
        let mut shorten = self.program(target);
        shorten
            .args(["-minimize_crash=1", "-timeout=20"])
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-exact_artifact_path={}", to.display()))
            .arg(input)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // It exits with a failure if no shorter input fails, which is the normal end.
        shell::status(&mut shorten)?;
        let is_shorter = to.is_file() && size(to)? <= size(input)? && self.fails(target, to)?;
        if !is_shorter {
            fs::copy(input, to).with_context(|| format!("could not write {}", to.display()))?;
        }
        Ok(())
    }
}

impl FuzzRun {
    fn new(target: &Target, log: PathBuf) -> FuzzRun {
        FuzzRun {
            target: target.name.clone(),
            is_good: false,
            took: Duration::ZERO,
            log,
            executed: None,
            coverage: None,
            peak_mb: None,
            panic: None,
            artifact: None,
        }
    }

    /// Reads one output line of libFuzzer or the target.
    fn read(&mut self, line: &str) {
        let number = |text: &str| text.trim().split(' ').next().and_then(|word| word.parse().ok());
        if let Some(rest) = line.strip_prefix("stat::number_of_executed_units:") {
            self.executed = number(rest);
        } else if let Some(rest) = line.strip_prefix("stat::peak_rss_mb:") {
            self.peak_mb = number(rest);
        } else if let Some((_, rest)) = line.split_once("Test unit written to ") {
            self.artifact = Some(rest.to_owned());
        } else if let Some((_, rest)) = line.split_once(" cov: ") {
            self.coverage = number(rest).or(self.coverage);
        } else if line.contains("panicked at") || line.contains("ERROR: AddressSanitizer") {
            self.panic.get_or_insert_with(|| line.to_owned());
        }
    }

    pub(super) fn outcome(&self) -> TaskOutcome {
        TaskOutcome::bad_if(!self.is_good)
    }

    /// The summary line of the run.
    pub(super) fn line(&self) -> String {
        let number = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let seconds = self.took.as_secs_f64();
        let rate = self.executed.map(|executed| {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate for people"
            )]
            let rate = (executed as f64 / seconds.max(0.1)) as u64;
            rate
        });
        format!(
            "{:10} {} {} executions in {seconds:.0} s, {} a second; {} edges; {} MB at most",
            self.target,
            if self.is_good { "ok  " } else { "FAIL" },
            number(self.executed),
            number(rate),
            number(self.coverage),
            number(self.peak_mb),
        )
    }

    /// What went wrong, and what to do next.
    pub(super) fn complaint(&self) -> String {
        let what = self.panic.as_deref().unwrap_or("it ended without a word of why");
        let log = self.log.display();
        match &self.artifact {
            Some(artifact) => {
                format!("{what}\n  all of it: {log}\n  repeat: cargo xtask fuzz promote {artifact}")
            }
            None => format!("{what}\n  all of it: {log}"),
        }
    }
}

/// Runs a command and shows its output only on failure.
fn quietly(command: &mut Command) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start `{}`", shell::line(command)))?;
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let mut bytes = Vec::new();
        stderr.read_to_end(&mut bytes)?;
        said = String::from_utf8_lossy(&bytes).into_owned();
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` ended with {status}\n{said}", shell::line(command));
    }
    Ok(())
}

fn count(folder: &Path) -> Result<usize> {
    let entries = fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    Ok(entries.count())
}

/// A toolchain with the run-time library of the address sanitizer.
struct Toolchain {
    name: String,
    is_stable: bool,
}

fn with_sanitizer(workspace: &Workspace) -> Result<Toolchain> {
    for name in ["nightly", "stable"] {
        let mut ask = workspace.command("rustc");
        ask.env("RUSTUP_TOOLCHAIN", name)
            .args(["--print", "target-libdir"]);
        // A toolchain that is not installed has no library.
        let Ok(folder) = shell::capture(&mut ask) else {
            continue;
        };
        let library = Path::new(folder.trim()).join(format!("librustc-{name}_rt.asan.a"));
        if library.is_file() {
            return Ok(Toolchain {
                name: name.to_owned(),
                is_stable: name == "stable",
            });
        }
    }
    bail!(
        "no toolchain here has the run-time library of the address sanitizer; `rustup toolchain install nightly` brings it"
    )
}

fn host(workspace: &Workspace) -> Result<String> {
    let version = shell::capture(workspace.command("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not tell its host")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_fuzzer_says_is_read() {
        let target = Target {
            name: "xml".to_owned(),
            dictionary: false,
            holds: String::new(),
        };
        let mut run = FuzzRun::new(&target, PathBuf::from("xml.log"));
        for line in [
            "#2\tINITED cov: 17 ft: 20 corp: 1/1b exec/s: 0 rss: 30Mb",
            "#9\tNEW    cov: 23 ft: 31 corp: 2/9b lim: 4 exec/s: 0 rss: 31Mb",
            "thread '<unnamed>' panicked at src/a.rs:1:2:",
            "thread '<unnamed>' panicked at src/b.rs:1:2:",
            "artifact_prefix='x/'; Test unit written to x/crash-0a",
            "stat::number_of_executed_units: 13323",
            "stat::peak_rss_mb:              36",
        ] {
            run.read(line);
        }
        run.took = Duration::from_secs(10);
        assert_eq!(
            run.line(),
            "xml        FAIL 13323 executions in 10 s, 1332 a second; 23 edges; 36 MB at most"
        );
        assert_eq!(
            run.complaint(),
            "thread '<unnamed>' panicked at src/a.rs:1:2:\n  all of it: xml.log\n  \
             repeat: cargo xtask fuzz promote x/crash-0a"
        );
        assert_eq!(run.outcome(), TaskOutcome::Bad);
    }
}
