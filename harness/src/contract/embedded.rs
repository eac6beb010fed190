//! The specs that are compiled into the command, so that it needs no files beside it.

macro_rules! recorded {
    ($number:literal) => {
        (
            concat!("golden/aws/", $number, ".toml"),
            include_str!(concat!("../../../golden/aws/", $number, ".toml")),
        )
    };
}

/// Every specs file: its name in the repository, and its text.
pub const EMBEDDED: &[(&str, &str)] = &[
    ("specs/clauses.toml", include_str!("../../../specs/clauses.toml")),
    ("specs/sources.toml", include_str!("../../../specs/sources.toml")),
    (
        "specs/captures.toml",
        include_str!("../../../specs/captures.toml"),
    ),
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
    // What Amazon EC2 was recorded to answer.
    recorded!("R01"),
    recorded!("R02"),
    recorded!("R03"),
    recorded!("R04"),
    recorded!("R05"),
    recorded!("R06"),
    recorded!("R08"),
    recorded!("R09"),
    recorded!("R10"),
    recorded!("R11"),
    recorded!("R12"),
    recorded!("R14"),
    recorded!("R15"),
    recorded!("R16"),
    recorded!("R17"),
    recorded!("R19"),
    recorded!("R20"),
    recorded!("R22"),
    recorded!("R24"),
    recorded!("R25"),
    recorded!("R26"),
    recorded!("R27"),
    recorded!("R28"),
    recorded!("R29"),
    recorded!("R30"),
    recorded!("R31"),
    recorded!("R32"),
    recorded!("R33"),
    recorded!("R34"),
    recorded!("R35"),
    recorded!("R36"),
    recorded!("R37"),
    recorded!("R38"),
    recorded!("R39"),
    recorded!("R40"),
    recorded!("R41"),
    recorded!("R43"),
    recorded!("R44"),
    recorded!("R45"),
    recorded!("R46"),
    recorded!("R48"),
    recorded!("R49"),
];
