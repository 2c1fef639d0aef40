//! The same inside a container: what is said to docker, and to the tools in the image.
pub struct Inside;
