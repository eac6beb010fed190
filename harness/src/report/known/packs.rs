//! The known deviations of released endpoints, compiled into the command: `--known moto@5.2.5`. They are in `specs/known`,
//! and read through the link `packs` beside this file, so that a package of the crate has them, too.

/// Known deviations that are part of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownPack {
    /// The name: endpoint and version, as `moto@5.2.5`.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

/// All packs, by name.
pub const PACKS: &[KnownPack] = &[
    KnownPack {
        name: "ministack@1.5.33",
        text: include_str!("packs/ministack-1.5.33.toml"),
    },
    KnownPack {
        name: "moto@5.2.5",
        text: include_str!("packs/moto-5.2.5.toml"),
    },
];

/// The pack of this name.
pub fn pack(name: &str) -> Option<&'static KnownPack> {
    PACKS.iter().find(|pack| pack.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, Edition};
    use crate::report::known::{KnownFile, MissingReasons, load};

    #[test]
    fn every_pack_is_without_mistakes_in_each_edition() {
        for pack in PACKS {
            for edition in [Edition::Current, Edition::October2017] {
                let file = KnownFile {
                    name: pack.name,
                    text: pack.text,
                    missing_reasons: MissingReasons::Refused,
                };
                let known = load(&[file], &contract::embedded(edition), &[], None);
                let known = known.expect("a pack has no mistakes");
                assert!(!known.is_empty(), "{}", pack.name);
            }
        }
    }

    #[test]
    fn a_pack_says_which_endpoint_and_version_it_is_for() {
        for pack in PACKS {
            let (name, version) = pack.name.split_once('@').expect("a name has both");
            let head = format!("[endpoint]\nname = \"{name}\"\nversion = \"{version}\"\n");
            assert!(pack.text.contains(&head), "{}", pack.name);
        }
        assert_eq!(pack("moto@5.2.5").map(|pack| pack.name), Some("moto@5.2.5"));
        assert_eq!(pack("moto"), None);
    }
}
