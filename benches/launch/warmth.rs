//! What warmth is worth: a package with a second of compilation, a second project, ten scripts in turns, and looking whether
//! five hundred files are still what they were.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::place::Place;
use crate::sample::Sample;

const ROUNDS: usize = 25;
const PLAIN_ROUNDS: usize = 5;
const SCRIPTS: usize = 10;
const RUNS: usize = 100;
/// Branches take memory one after the other, a second and more each, while nothing is launched.
const WARMING_UP: Duration = Duration::from_secs(90);
const PROJECTS: usize = 6;
const FILES: usize = 500;
/// Functions of the package that has to be compiled: about a second's work.
const FUNCTIONS: usize = 20;

/// What was measured of warmth.
#[derive(Default)]
pub struct Warmth {
    /// In turns: these two are what others come to.
    pub hello: Sample,
    pub python: Sample,
    pub heavy_plain: Sample,
    pub heavy: Sample,
    /// What the package's work takes once it is compiled, in a process that has done it before.
    pub heavy_work: Duration,
    pub scripts: Sample,
    /// The same once nothing has been launched for so long that their branches have taken memory for it.
    pub scripts_later: Sample,
    /// A boot, and a boot with a package loaded.
    pub boot: Sample,
    pub boot_and_load: Sample,
    pub second_project: Sample,
    /// The conductor's part of a launch, where few files and where many are looked at.
    pub few_files: Sample,
    pub many_files: Sample,
    /// What the kernel takes to tell of as many files, one after the other.
    pub bare_files: Sample,
    /// What all workers took after each part, in bytes.
    pub memory: Vec<(&'static str, u64)>,
}

impl Warmth {
    pub fn rows(&self) -> [(&'static str, &Sample); 12] {
        [
            ("juliaclient hello.jl, warm", &self.hello),
            ("python3 -c pass", &self.python),
            ("julia, a package that compiles", &self.heavy_plain),
            ("juliaclient, the same, warm", &self.heavy),
            ("ten scripts in turns, the first 100", &self.scripts),
            ("ten scripts in turns, later", &self.scripts_later),
            ("julia -e nothing", &self.boot),
            ("julia -e 'using Package'", &self.boot_and_load),
            ("juliaclient, the same, new project", &self.second_project),
            ("conductor's part, few files", &self.few_files),
            ("conductor's part, 500 files more", &self.many_files),
            ("500 files, stat(2) alone", &self.bare_files),
        ]
    }
}

pub fn warmth(place: &Place) -> Result<Warmth, Box<dyn Error>> {
    let bench = Bench { place, folder: place.path("warmth"), depot: place.path("warmth-depot") };
    let mut figures = Warmth::default();
    yardsticks(&bench, &mut figures)?;
    heavy(&bench, &mut figures)?;
    bench.note_memory("a package", &mut figures)?;
    scripts(&bench, &mut figures)?;
    bench.note_memory("ten scripts", &mut figures)?;
    projects(&bench, &mut figures)?;
    bench.note_memory("six projects", &mut figures)?;
    files(&bench, &mut figures)?;
    bench.note_memory("500 files", &mut figures)?;
    Ok(figures)
}

struct Bench<'a> {
    place: &'a Place,
    folder: PathBuf,
    depot: PathBuf,
}

impl Bench<'_> {
    fn warm(&self, words: &[String]) -> Command {
        let mut command = self.place.warm(words);
        command.env("JULIA_DEPOT_PATH", &self.depot);
        command
    }

    fn plain(&self, words: &[String]) -> Command {
        let mut command = self.place.plain(words);
        command.env("JULIA_DEPOT_PATH", &self.depot);
        command
    }

    /// A project that is its own package, of so many files.
    fn project(&self, name: &str, body: &str, files: usize) -> io::Result<String> {
        let folder = self.folder.join(name);
        let includes: Vec<String> = (0..files).map(|number| format!("include(\"part{number}.jl\")")).collect();
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("Project.toml"), format!("name = \"{name}\"\nuuid = \"{}\"\n", uuid(name)))?;
        fs::write(
            folder.join(format!("src/{name}.jl")),
            format!("module {name}\n{}\n{body}\nend\n", includes.join("\n")),
        )?;
        for number in 0..files {
            fs::write(folder.join(format!("src/part{number}.jl")), format!("const PART{number} = {number}\n"))?;
        }
        Ok(format!("--project={}", folder.display()))
    }

    fn note_memory(&self, after: &'static str, figures: &mut Warmth) -> Result<(), Box<dyn Error>> {
        let report = self.place.status()?.ok_or("the conductor has ended")?;
        figures.memory.push((after, report.memory_bytes));
        Ok(())
    }

    fn wait(&self, words: &[String]) -> Result<(), Box<dyn Error>> {
        self.place.wait_for_branch_of(program(words))
    }

    /// Until these launches come from a branch that has nothing more to compile.
    fn settle(&self, words: &[String]) -> Result<(), Box<dyn Error>> {
        for _ in 0..2 {
            for _ in 0..2 {
                Sample::default().add(self.warm(words))?;
            }
            self.wait(words)?;
        }
        Ok(())
    }
}

/// What the daemon calls these launches: a file, or the beginning of an expression.
fn program(words: &[String]) -> &str {
    words.get(2).map_or(&words[0], |code| &code[..10])
}

/// One of its own for each name.
fn uuid(name: &str) -> String {
    let number = name.bytes().fold(7_u64, |number, byte| number.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("43ef800a-eac4-47f4-949b-{:012x}", number & 0xffff_ffff_ffff)
}

fn expression(project: &str, code: &str) -> Vec<String> {
    vec![project.to_owned(), "-e".to_owned(), code.to_owned()]
}

fn yardsticks(bench: &Bench<'_>, figures: &mut Warmth) -> Result<(), Box<dyn Error>> {
    let hello = vec![format!("{}/examples/hello.jl", env!("CARGO_MANIFEST_DIR"))];
    let python = Path::new("/usr/bin/python3");
    for _ in 0..ROUNDS {
        bench.place.wait_for_spares()?;
        figures.hello.add(bench.place.warm(&hello))?;
        if python.exists() {
            figures.python.add(bench.place.command(python, &["-c", "pass"]))?;
        }
    }
    Ok(())
}

fn heavy(bench: &Bench<'_>, figures: &mut Warmth) -> Result<(), Box<dyn Error>> {
    let mut body = String::new();
    for number in 0..FUNCTIONS {
        // A formatted `String` cannot fail.
        let _ = writeln!(
            body,
            "struct T{number}; x::Float64; end\nf{number}(v) = sum(sort([t.x * {number} for t in v], rev = true))\nw{number}() = f{number}([T{number}(i) for i in 1:9])"
        );
    }
    let calls: Vec<String> = (0..FUNCTIONS).map(|number| format!("w{number}()")).collect();
    let _ = writeln!(body, "work() = {}", calls.join(" + "));
    let words = expression(&bench.project("Heavy", &body, 0)?, "using Heavy; print(Heavy.work())");
    figures.heavy_plain.add(bench.plain(&words))?; // with its precompilation, which is not to be counted
    figures.heavy_plain = Sample::default();
    bench.settle(&words)?;
    for round in 0..ROUNDS {
        bench.wait(&words)?;
        figures.heavy.add(bench.warm(&words))?;
        if round < PLAIN_ROUNDS {
            figures.heavy_plain.add(bench.plain(&words))?;
        }
    }
    let timed = expression(&words[0], "using Heavy; Heavy.work(); print(@elapsed Heavy.work())");
    let output = bench.plain(&timed).stdout(Stdio::piped()).output()?;
    figures.heavy_work = Duration::from_secs_f64(String::from_utf8(output.stdout)?.trim().parse()?);
    Ok(())
}

fn scripts(bench: &Bench<'_>, figures: &mut Warmth) -> Result<(), Box<dyn Error>> {
    let mut all = Vec::new();
    for number in 0..SCRIPTS {
        let path = bench.folder.join(format!("script{number}.jl"));
        let text = format!(
            "struct P; x::Int; y::Float64; end\nf(p) = p.x * {number} + p.y\nmain(n) = sort([f(P(i, i)) for i in 1:n], rev = true)\nprint(sum(main(9)))\n"
        );
        fs::write(&path, text)?;
        let words = vec![path.display().to_string()];
        bench.settle(&words)?;
        all.push(words);
    }
    let turn = |sample: &mut Sample| (0..RUNS).try_for_each(|run| sample.add(bench.warm(&all[(run * 7) % SCRIPTS])));
    turn(&mut figures.scripts)?;
    let deadline = Instant::now() + WARMING_UP;
    while Instant::now() < deadline && !bench.place.are_in_a_loop("script", SCRIPTS)? {
        sleep(Duration::from_secs(1));
    }
    turn(&mut figures.scripts_later)?;
    Ok(())
}

fn projects(bench: &Bench<'_>, figures: &mut Warmth) -> Result<(), Box<dyn Error>> {
    let nothing = vec!["-e".to_owned(), "nothing".to_owned()];
    for number in 0..PROJECTS {
        let name = format!("Project{number}");
        let project = bench.project(&name, "f(x) = x + 1", 0)?;
        let words = expression(&project, &format!("using {name}; print({name}.f(1))"));
        // Not counted: its precompilation.
        Sample::default().add(bench.plain(&words))?;
        bench.place.wait_for_spares()?;
        figures.second_project.add(bench.warm(&words))?;
        figures.boot.add(bench.plain(&nothing))?;
        figures.boot_and_load.add(bench.plain(&words))?;
    }
    Ok(())
}

fn files(bench: &Bench<'_>, figures: &mut Warmth) -> Result<(), Box<dyn Error>> {
    let few = expression(&bench.project("Few", "f() = 1", 0)?, "using Few; print(Few.f())");
    let many = expression(&bench.project("Many", "f() = 1", FILES)?, "using Many; print(Many.f())");
    for words in [&few, &many] {
        bench.settle(words)?;
    }
    for _ in 0..ROUNDS {
        figures.few_files.insert(conductors_part(bench, &few)?);
        figures.many_files.insert(conductors_part(bench, &many)?);
        let begun = Instant::now();
        for number in 0..FILES {
            fs::metadata(bench.folder.join(format!("Many/src/part{number}.jl")))?;
        }
        figures.bare_files.insert(begun.elapsed());
    }
    Ok(())
}

/// As the trace tells it.
fn conductors_part(bench: &Bench<'_>, words: &[String]) -> Result<Duration, Box<dyn Error>> {
    let trace = bench.folder.join("trace");
    let _ = fs::remove_file(&trace);
    bench.wait(words)?;
    Sample::default().add({
        let mut command = bench.warm(words);
        command.env("JULIA_DAEMON_TRACE", &trace);
        command
    })?;
    let line = fs::read_to_string(&trace)?;
    let field = line.split(' ').find_map(|field| field.strip_prefix("conductor=")?.strip_suffix("us"));
    if !line.contains(" kind=branch ") {
        return Err(format!("not from a branch: {line}").into());
    }
    Ok(Duration::from_micros(field.ok_or("no conductor= in the trace")?.parse()?))
}
