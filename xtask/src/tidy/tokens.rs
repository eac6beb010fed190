//! The paths that a Rust file uses: the first name of each, without comments, strings and test modules.
//!
//! Works on tokens and not on a syntax tree, so that paths inside macros are found too.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path that a file uses outside of its tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) line: usize,
    pub(super) to: ImportTarget,
}

/// The first name of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ImportTarget {
    /// A module at our crate root: `crate::call::…`, or `super::…` that reaches the root.
    Ours(String),
    /// Any other name followed by `::`: a crate, a type or a local module.
    Name(String),
}

/// All paths in the text of a file; `module` is the module path of the file.
pub(super) fn uses(text: &str, module: &[String]) -> Result<Vec<Use>> {
    let stream: TokenStream = text
        .parse()
        .map_err(|error: proc_macro2::LexError| anyhow!("line {}: {error}", error.span().start().line))?;
    let mut found = Vec::new();
    walk(stream, module, Roots::Count, &mut found);
    Ok(found)
}

/// Whether a name at the start of a group begins a path. It does not in the braces of `use a::{b, c}`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Roots {
    Count,
    Continue,
}

fn walk(stream: TokenStream, module: &[String], roots: Roots, found: &mut Vec<Use>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if is_test_attribute(&tokens, at) {
            at = after_item(&tokens, at + 2);
            continue;
        }
        match token {
            TokenTree::Ident(name) if name == "mod" => {
                if let (Some(TokenTree::Ident(inner)), Some(TokenTree::Group(body))) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    let mut deeper = module.to_vec();
                    deeper.push(inner.to_string());
                    walk(body.stream(), &deeper, Roots::Count, found);
                    at += 3;
                    continue;
                }
            }
            TokenTree::Ident(name)
                if roots == Roots::Count
                    && is_path_sep(&tokens, at + 1)
                    && !follows_path_sep(&tokens, at) =>
            {
                root(&tokens, at, &name.to_string(), module, found);
            }
            TokenTree::Group(group) => {
                let continues = group.delimiter() == Delimiter::Brace && follows_path_sep(&tokens, at)
                    || roots == Roots::Continue && group.delimiter() == Delimiter::Brace;
                let inner = if continues { Roots::Continue } else { Roots::Count };
                walk(group.stream(), module, inner, found);
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
}

/// The path that begins with this name at this token.
fn root(tokens: &[TokenTree], at: usize, name: &str, module: &[String], found: &mut Vec<Use>) {
    let line = tokens.get(at).map_or(0, |token| token.span().start().line);
    match name {
        "crate" => ours(tokens.get(at + 3), line, found),
        "super" => {
            let mut depth = 1;
            let mut next = at + 3;
            while matches!(tokens.get(next), Some(TokenTree::Ident(name)) if name == "super") {
                depth += 1;
                next += 3;
            }
            // `super` in a module at the root is the crate itself.
            if depth == module.len() {
                ours(tokens.get(next), line, found);
            }
        }
        "self" | "Self" => {}
        name => found.push(Use {
            line,
            to: ImportTarget::Name(name.to_owned()),
        }),
    }
}

/// The names after `crate::`: one, or several in braces.
fn ours(token: Option<&TokenTree>, line: usize, found: &mut Vec<Use>) {
    match token {
        Some(TokenTree::Ident(name)) => found.push(Use {
            line,
            to: ImportTarget::Ours(name.to_string()),
        }),
        Some(TokenTree::Group(group)) => {
            let mut first = true;
            for token in group.stream() {
                match token {
                    TokenTree::Ident(name) if first => {
                        found.push(Use {
                            line: name.span().start().line,
                            to: ImportTarget::Ours(name.to_string()),
                        });
                        first = false;
                    }
                    TokenTree::Punct(punct) => first = punct.as_char() == ',',
                    TokenTree::Ident(_) | TokenTree::Group(_) | TokenTree::Literal(_) => first = false,
                }
            }
        }
        Some(TokenTree::Punct(_) | TokenTree::Literal(_)) | None => {}
    }
}

fn is_path_sep(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(at) && colon(at + 1)
}

fn follows_path_sep(tokens: &[TokenTree], at: usize) -> bool {
    // A leading `::name` is a separate path; it is rare enough to be read as a continuation.
    at >= 2 && is_path_sep(tokens, at - 2)
}

/// Whether the token begins `#[cfg(test)]` or `#[test]`.
fn is_test_attribute(tokens: &[TokenTree], at: usize) -> bool {
    let hash = matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == '#');
    let Some(TokenTree::Group(group)) = tokens.get(at + 1) else {
        return false;
    };
    let text = group.stream().to_string().replace(' ', "");
    hash && group.delimiter() == Delimiter::Bracket && (text == "cfg(test)" || text == "test")
}

/// The first token after the item that begins here. An item ends with a semicolon or its braces.
fn after_item(tokens: &[TokenTree], start: usize) -> usize {
    let rest = tokens.get(start..).unwrap_or(&[]);
    let is_use = rest
        .iter()
        .any(|token| matches!(token, TokenTree::Ident(name) if name == "use"));
    for (offset, token) in rest.iter().enumerate() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ';' => return start + offset + 1,
            TokenTree::Group(group)
                if group.delimiter() == Delimiter::Brace && !(is_use && follows_path_sep(rest, offset)) =>
            {
                return start + offset + 1;
            }
            TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, module: &[&str]) -> Vec<String> {
        let module: Vec<String> = module.iter().map(|&name| name.to_owned()).collect();
        uses(text, &module)
            .expect("it is Rust")
            .into_iter()
            .map(|found| match found.to {
                ImportTarget::Ours(name) => format!("crate::{name}"),
                ImportTarget::Name(name) => name,
            })
            .collect()
    }

    #[test]
    fn imports_and_paths_are_seen_in_any_form() {
        let text = "use crate::{protocol::{encode, decode}, call};\n\
                    use hyper::{body::Bytes, header};\n\
                    fn f() -> crate::verdict::Verdict { println!(\"{}\", jiff::Timestamp::now()) }";
        assert_eq!(
            names(text, &["model"]),
            [
                "crate::protocol",
                "crate::call",
                "hyper",
                "crate::verdict",
                "jiff"
            ]
        );
    }

    #[test]
    fn comments_strings_and_tests_are_not_seen() {
        let text = "// crate::cli::x\nconst A: &str = \"crate::cli::x\";\n\
                    #[cfg(test)]\nuse crate::runner::{a, b};\n\
                    #[cfg(test)]\nmod tests { use crate::cli::Cli; }\nuse crate::call::Call;";
        assert_eq!(names(text, &["model"]), ["crate::call"]);
    }

    #[test]
    fn super_reaches_a_sibling_of_the_root_only_from_high_enough() {
        assert_eq!(names("use super::call::Call;", &["model"]), ["crate::call"]);
        assert!(names("use super::belief::Belief;", &["model", "step"]).is_empty());
        assert_eq!(
            names("mod inner { use super::super::cli::X; }", &["model"]),
            ["crate::cli"]
        );
    }

    #[test]
    fn the_line_is_where_the_path_stands() {
        let found = uses("\n\nuse crate::verdict;\n", &["call".to_owned()]).expect("it is Rust");
        assert_eq!(found.first().map(|found| found.line), Some(3));
    }

    #[test]
    fn what_is_not_rust_is_an_error() {
        assert!(uses("fn f( {", &[]).is_err());
    }
}
