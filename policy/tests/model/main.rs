//! Models from folders: what is served, what is refused, and that the runtimes agree.

mod bytes;
mod fixture;
mod folder;
mod load;
#[cfg(feature = "onnxruntime")]
mod onnxruntime;
