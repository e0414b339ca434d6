//! Folders for their owner alone.

use std::{fs::DirBuilder, io, path::Path};

/// Makes the folder and those above it. One that exists is left as it is.
pub fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
