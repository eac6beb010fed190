//! The specs that are compiled into the command, so that it needs no files beside it.

/// Every specs file: its name in the repository, and its text.
pub const EMBEDDED: &[(&str, &str)] = &[
    ("specs/clauses.toml", include_str!("../../../specs/clauses.toml")),
    ("specs/sources.toml", include_str!("../../../specs/sources.toml")),
    (
        "specs/stop_instances.toml",
        include_str!("../../../specs/stop_instances.toml"),
    ),
    ("specs/answers.toml", include_str!("../../../specs/answers.toml")),
    (
        "specs/scenarios.toml",
        include_str!("../../../specs/scenarios.toml"),
    ),
    (
        "specs/relations.toml",
        include_str!("../../../specs/relations.toml"),
    ),
];
