//! Families: the files that are shipped, what is refused, `like`, and replays.

mod shipped;
mod refused;
mod like;
mod replay;
mod document;
mod folder;
