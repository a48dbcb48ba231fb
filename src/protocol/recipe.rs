//! Conductor → zygote: what a branch is made from; and back: what was made, and from which files.
//!
//! `src/worker/julia/branch.jl` reads and writes the same layouts. Both travel in files without names, which have room for
//! any length.

use super::{Job, Malformed, Reader, Writer};

/// What the launches of one program have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recipe {
    /// The working directory of a launch.
    pub folder: Vec<u8>,
    /// For an app: its package, the folder that is its load path, and its depot. Else empty.
    pub app: Vec<Vec<u8>>,
    /// Methods that launches had to compile, each as a `precompile(…)` expression.
    pub notes: Vec<Vec<u8>>,
    /// A launch, without descriptors.
    pub job: Job,
}

impl Recipe {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.string(&self.folder);
        for list in [&self.app, &self.notes] {
            out.list(list, |out, item| {
                out.string(item);
            });
        }
        let mut bytes = out.into_bytes();
        bytes.extend(self.job.encode());
        bytes
    }
}

/// What became of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BranchReport {
    /// What was done, or why nothing was, in words.
    pub about: String,
    /// Methods that were compiled.
    pub methods: u32,
    /// Every file that it was made from, and those whose coming would change it.
    pub files: Vec<Vec<u8>>,
}

impl BranchReport {
    /// # Errors
    /// The worker has not finished writing.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let about = String::from_utf8_lossy(&from.string()?).into_owned();
        if from.is_empty() {
            return Ok(Self { about, ..Self::default() });
        }
        let methods = String::from_utf8_lossy(&from.string()?).parse().unwrap_or(0);
        let mut files = Vec::new();
        while !from.is_empty() {
            files.push(from.string()?);
        }
        Ok(Self { about, methods, files })
    }
}
