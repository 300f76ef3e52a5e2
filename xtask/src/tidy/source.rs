//! One Rust file seen four ways: as written, code alone, comments alone, and code as shipped, without its tests.
//! Understands just enough Rust for that: comments, literals, `#[cfg(test)]`. Knows no rule.

/// A Rust file and its views; all views have the same lines as the text.
pub struct Source {
    /// The path from the repository's root, with `/`.
    pub path: String,
    /// The file as written.
    pub text: String,
    /// The text with comments and literals blanked.
    pub code: String,
    /// The text with everything but comments blanked.
    pub comments: String,
    /// `code` with `#[cfg(test)]` items blanked; all blank in a file that is only for tests.
    pub shipped: String,
    /// Names of the `#[cfg(test)] mod name;` declared here.
    pub test_modules: Vec<String>,
}

impl Source {
    /// Looks at one file.
    pub fn new(path: &str, text: &str) -> Source {
        let chars: Vec<char> = text.chars().collect();
        let parts = parts(&chars);
        let code: Vec<char> = only(&chars, &parts, Part::Code);
        let mut shipped = code.clone();
        let test_modules = blank_tests(&mut shipped);
        if is_test_path(path) {
            blank(&mut shipped);
        }
        Source {
            path: path.into(),
            text: text.into(),
            comments: only(&chars, &parts, Part::Comment).into_iter().collect(),
            code: code.into_iter().collect(),
            shipped: shipped.into_iter().collect(),
            test_modules,
        }
    }

    /// The last component of the path.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the file is the module at `path` (no `.rs`), or lies inside it.
    pub fn is_in(&self, path: &str) -> bool {
        self.path.strip_prefix(path).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    /// Treats the whole file as tests.
    pub fn mark_as_test(&mut self) {
        self.shipped = self.shipped.chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
    }
}

/// The numbers of the lines of `text` that hold `word`, not as a part of a longer identifier.
pub fn lines_with(text: &str, word: &str) -> Vec<usize> {
    let numbered = text.lines().enumerate();
    numbered.filter(|(_, line)| has_word(line, word)).map(|(index, _)| index + 1).collect()
}

fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        let grows_left = is_name(word.chars().next()) && is_name(before.chars().next_back());
        let grows_right = is_name(word.chars().next_back()) && is_name(after.chars().next());
        !grows_left && !grows_right
    })
}

fn is_test_path(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "benches" || part == "tests.rs")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

fn only(chars: &[char], parts: &[Part], wanted: Part) -> Vec<char> {
    chars.iter().zip(parts).map(|(&c, &part)| if part == wanted || c == '\n' { c } else { ' ' }).collect()
}

fn blank(chars: &mut [char]) {
    chars.iter_mut().filter(|c| **c != '\n').for_each(|c| *c = ' ');
}

/// What each character belongs to.
fn parts(chars: &[char]) -> Vec<Part> {
    let mut parts = Vec::with_capacity(chars.len());
    while parts.len() < chars.len() {
        let rest = &chars[parts.len()..];
        let (length, part) = match rest {
            ['/', '/', ..] => (rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()), Part::Comment),
            ['/', '*', ..] => (block_comment(rest), Part::Comment),
            ['"', ..] => (quoted(rest, '"'), Part::Literal),
            ['\'', '\\', ..] => (quoted(rest, '\''), Part::Literal),
            ['\'', _, '\'', ..] => (3, Part::Literal),
            [c, ..] if c.is_alphanumeric() || *c == '_' => word_or_raw_string(rest),
            _ => (1, Part::Code),
        };
        parts.resize((parts.len() + length).min(chars.len()), part);
    }
    parts
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn word_or_raw_string(rest: &[char]) -> (usize, Part) {
    let length = rest.iter().position(|c| !c.is_alphanumeric() && *c != '_').unwrap_or(rest.len());
    let is_raw = matches!(rest[..length], ['r'] | ['b' | 'c', 'r']);
    let hashes = rest[length..].iter().take_while(|c| **c == '#').count();
    let open = length + hashes;
    if !is_raw || rest.get(open) != Some(&'"') {
        return (length, Part::Code);
    }
    let closes = |at: usize| rest[at] == '"' && rest[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    let close = (open + 1..rest.len()).find(|&at| closes(at)).unwrap_or(rest.len());
    (close + 1 + hashes, Part::Literal)
}

/// Blanks every `#[cfg(test)]` item of `code`; returns the names of those that are `mod name;`.
fn blank_tests(code: &mut [char]) -> Vec<String> {
    let mut modules = Vec::new();
    let mut at = 0;
    while at < code.len() {
        if let Some(attribute) = test_attribute(&code[at..]) {
            let length = attribute + item(&code[at + attribute..]);
            let text: String = code[at + attribute..at + length].iter().collect();
            let module = text.trim().trim_start_matches("pub ").strip_prefix("mod ");
            modules.extend(module.and_then(|rest| rest.strip_suffix(';')).map(|name| name.trim().to_string()));
            blank(&mut code[at..at + length]);
            at += length;
        }
        at += 1;
    }
    modules
}

/// The length of the attribute that `code` starts with, if it leaves an item to tests alone.
fn test_attribute(code: &[char]) -> Option<usize> {
    let starts = |text: &str| text.chars().eq(code.iter().copied().take(text.len()));
    let opens = ["#[cfg(test)]", "#[cfg(all(test,"].into_iter().any(starts);
    opens.then(|| code.iter().position(|c| *c == ']').map_or(code.len(), |end| end + 1))
}

/// The length of the item that `code` starts with: to its `;` or its closing brace.
fn item(code: &[char]) -> usize {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (index, c) in code.iter().enumerate() {
        match c {
            '(' | '[' => others += 1,
            ')' | ']' => others = others.saturating_sub(1),
            '{' => braces += 1,
            '}' if braces <= 1 => return index + usize::from(braces == 1),
            '}' => braces -= 1,
            ';' if braces == 0 && others == 0 => return index + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_told_from_code() {
        for (text, code, comments) in [
            ("let a = 1; // one", "let a = 1;", "// one"),
            ("a /* b /* c */ d */ e", "a e", "/* b /* c */ d */"),
            (r#"f("// no \" comment", 'x', '\'', b"y") g"#, "f( , , , b ) g", ""),
            (r####"r#"a " b"# c br"\" d r#mod"####, "c d r#mod", ""),
            ("fn f<'a>(x: &'a str) // '", "fn f<'a>(x: &'a str)", "// '"),
            ("let s = \"two\nlines\"; z", "let s = ; z", ""),
        ] {
            let source = Source::new("a.rs", text);
            assert_eq!((words(&source.code), words(&source.comments)), (code.into(), comments.into()), "{text}");
            assert_eq!(source.code.lines().count(), text.lines().count());
        }
    }

    #[test]
    fn what_is_shipped_leaves_out_tests_and_nothing_else() {
        for (path, text, shipped) in [
            ("a.rs", "a(); #[cfg(test)] mod tests { fn f() { b() } } c();", "a(); c();"),
            ("a.rs", "#[cfg(test)] #[allow(x)] fn f(a: [u8; 2]) { b() } c();", "c();"),
            ("a.rs", "#[cfg(all(test, unix))] use b::c; d();", "d();"),
            ("a.rs", "#[cfg(not(test))] fn f() {}", "#[cfg(not(test))] fn f() {}"),
            ("a/tests/b.rs", "a();", ""),
            ("a/src/b/tests.rs", "a();", ""),
            ("a/src/contests.rs", "a();", "a();"),
        ] {
            assert_eq!(words(&Source::new(path, text).shipped), shipped, "{path}: {text}");
        }
    }

    #[test]
    fn a_test_module_in_another_file_is_named() {
        let source = Source::new("a.rs", "#[cfg(test)]\npub mod fakes;\n#[cfg(test)]\nmod tests { }\nmod b;");
        assert_eq!(source.test_modules, ["fakes"]);
    }

    #[test]
    fn a_word_inside_a_longer_name_is_not_the_word() {
        assert_eq!(lines_with("Instantly\nInstant::now()\nx.unwrap()\nmy_std::a\n::std::b", "Instant"), [2]);
        assert_eq!(lines_with("my_std::a\n::std::b\nstd2", "std"), [2]);
        assert_eq!(lines_with("x.unwrap()\nx.unwrap_or()", ".unwrap()"), [1]);
    }
}
