//! Archives as they are published, and as they should not be.

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::world::script;

pub struct Archive {
    tar: Builder<GzEncoder<Vec<u8>>>,
}

impl Archive {
    pub fn new() -> Self {
        Self { tar: Builder::new(GzEncoder::new(Vec::new(), Compression::fast())) }
    }

    /// With a stand-in for Julia in it, and some of what lies around it.
    pub fn of_julia(version: &str) -> Self {
        let top = format!("julia-{version}");
        Self::new()
            .entry(EntryType::Directory, &format!("{top}/"), "", 0o755, b"")
            .file(&format!("{top}/bin/julia"), 0o755, script(version).as_bytes())
            .file(&format!("{top}/lib/libjulia.so.1"), 0o644, &noise(40_000))
            .link(&format!("{top}/lib/libjulia.so"), "libjulia.so.1")
            .link(&format!("{top}/lib/julia/libjulia.so"), "../libjulia.so.1")
            .entry(EntryType::Link, &format!("{top}/share/copy"), &format!("{top}/lib/libjulia.so.1"), 0o644, b"")
    }

    pub fn file(self, name: &str, mode: u32, bytes: &[u8]) -> Self {
        self.entry(EntryType::Regular, name, "", mode, bytes)
    }

    pub fn link(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, name, target, 0o777, b"")
    }

    /// Names are written as they are, which tar's own functions refuse.
    pub fn entry(mut self, kind: EntryType, name: &str, target: &str, mode: u32, bytes: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        let fields = header.as_gnu_mut().unwrap();
        fields.name[..name.len()].copy_from_slice(name.as_bytes());
        fields.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(1_700_000_000);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        self.tar.append(&header, bytes).unwrap();
        self
    }

    pub fn bytes(self) -> Vec<u8> {
        self.tar.into_inner().unwrap().finish().unwrap()
    }
}

/// Bytes that do not compress, the same each time (xorshift).
pub fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}
