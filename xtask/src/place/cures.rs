//! What to do about the errors of docker and podman.

const KNOWN: [(&str, &str); 6] = [
    (
        "No such container",
        "start the container, or check its name in `[containers]` (`docker ps -a`)",
    ),
    (
        "no such container",
        "start the container, or check its name in `[containers]` (`podman ps -a`)",
    ),
    ("is not running", "start the container"),
    ("Cannot connect to the Docker daemon", "start docker, or check DOCKER_HOST"),
    ("failed to connect to the docker API", "start docker, or check DOCKER_HOST"),
    (
        "permission denied while trying to connect to the Docker daemon",
        "add yourself to the group `docker`, or run as a user who may use it",
    ),
];

/// The cure for the first message that is known.
pub fn cure(text: &str) -> Option<String> {
    let known = KNOWN.iter().find(|(pattern, _)| text.contains(pattern));
    known.map(|(_, cure)| (*cure).to_owned())
}
