//! Every dependency has a comment in its manifest that says why it is needed.

use anyhow::Result;

use super::Complaint;

/// The names under `[dependencies]`.
pub(super) fn dependencies(manifest: &str) -> Result<Vec<String>> {
    let table: toml::Table = manifest.parse()?;
    Ok(table
        .get("dependencies")
        .and_then(toml::Value::as_table)
        .map(|dependencies| dependencies.keys().cloned().collect())
        .unwrap_or_default())
}

/// Complaints about dependencies without a comment in their group of lines. An empty line ends a group.
pub(super) fn check(path: &str, manifest: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut in_dependencies = false;
    let mut explained = false;
    // A dependency may span several lines; the lines within it are not new dependencies.
    let mut open_brackets = 0;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            explained = false;
        } else if line.starts_with('#') {
            explained = true;
        } else if open_brackets == 0 && line.starts_with('[') {
            let header = line.trim_matches(['[', ']']);
            let is_one = header.contains("dependencies.");
            in_dependencies = header.ends_with("dependencies");
            if is_one && !explained {
                complaints.push(Complaint::new(
                    format!("{path}:{}", index + 1),
                    format!("[{header}] says nowhere why it is there"),
                ));
            }
            // A comment above the section is about the section, not about its first line.
            explained = false;
        } else {
            if in_dependencies && open_brackets == 0 && !explained {
                let name = line.split(['=', '.', ' ']).next().unwrap_or(line);
                complaints.push(Complaint::new(
                    format!("{path}:{}", index + 1),
                    format!("`{name}` has no comment above it that says why it is there"),
                ));
            }
            open_brackets += line.matches(['[', '{']).count();
            open_brackets -= line.matches([']', '}']).count().min(open_brackets);
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_explains_its_group() {
        let manifest =
            "[dependencies]\n# Signing.\na = \"1\"\nb = \"1\"\n\n# The line.\nc = { version = \"1\" }\n";
        assert!(check("Cargo.toml", manifest).is_empty());
    }

    #[test]
    fn a_dependency_without_a_comment_is_a_complaint() {
        let manifest =
            "# About all.\n[dependencies]\na = \"1\"\n\n[dev-dependencies]\n# Why.\nb = \"1\"\n\nc = \"1\"\n";
        let places: Vec<String> = check("Cargo.toml", manifest)
            .into_iter()
            .map(|c| c.place)
            .collect();
        assert_eq!(places, ["Cargo.toml:3", "Cargo.toml:9"]);
    }

    #[test]
    fn features_and_lints_need_no_comment() {
        let manifest = "[package]\nname = \"x\"\n[lints]\nworkspace = true\n[dependencies]\n# Why.\na = { features = [\n\"x\",\n\n\"y\",\n] }\n";
        assert!(check("Cargo.toml", manifest).is_empty());
    }

    #[test]
    fn the_names_are_read_in_any_form() {
        let manifest =
            "[dependencies]\na-b = \"1\"\n[dependencies.c]\nversion = \"1\"\n[dev-dependencies]\nd = \"1\"\n";
        assert_eq!(dependencies(manifest).expect("it is TOML"), ["a-b", "c"]);
    }
}
