//! What picking the Julia of a warm launch costs the conductor, its records being cached.

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;

use jlapp::toolchain::{Request, Toolchains};

use crate::sample::Sample;

/// juliaup's record of so many channels.
const CHANNELS: usize = 30;
const TIMES: usize = 2000;
/// As long as a record may still change within the same moment: until then it is read anew.
const SETTLING: std::time::Duration = std::time::Duration::from_secs(4);

/// The same launch again and again: of a project whose manifest decides, which is the longest way.
pub fn picking(folder: &Path, julia: &Path) -> Result<Sample, Box<dyn Error>> {
    let (depot, project) = (folder.join("depot"), folder.join("project"));
    fs::create_dir_all(depot.join("juliaup"))?;
    fs::create_dir_all(&project)?;
    fs::write(depot.join("juliaup/juliaup.json"), record(julia))?;
    fs::write(project.join("Project.toml"), "name = \"Some\"\n")?;
    fs::write(project.join("Manifest.toml"), "julia_version = \"1.10.7\"\nmanifest_format = \"2.0\"\n")?;
    let variable = |name: &str| match name {
        "JULIAUP_DEPOT_PATH" => Some(OsString::from(&depot)),
        "HOME" => Some(OsString::from(folder)),
        _ => None,
    };
    let request = Request {
        channel: None,
        directory: &project,
        project: Some("@.".as_ref()),
        program: None,
        app: None,
        variable: &variable,
    };
    std::thread::sleep(SETTLING);
    let mut toolchains = Toolchains::new();
    let mut sample = Sample::default();
    for _ in 0..TIMES {
        let start = Instant::now();
        let selection = toolchains.select(&request)?;
        sample.insert(start.elapsed());
        if selection.channel.is_none() {
            return Err("the manifest did not decide".into());
        }
    }
    Ok(sample)
}

fn record(julia: &Path) -> String {
    let (mut versions, mut channels) = (String::new(), String::new());
    for number in 0..CHANNELS {
        let comma = if number == 0 { "" } else { ", " };
        // A formatted `String` cannot fail.
        let _ = write!(
            versions,
            "{comma}\"1.10.{number}+0.x64.linux.gnu\": {{\"Path\": \"./julia-1.10.{number}\", \"BinaryPath\": \"{}\"}}",
            julia.display()
        );
        let _ = write!(channels, "{comma}\"1.10.{number}\": {{\"Version\": \"1.10.{number}+0.x64.linux.gnu\"}}");
    }
    format!("{{\"Default\": null, \"InstalledVersions\": {{{versions}}}, \"InstalledChannels\": {{{channels}}}}}")
}
