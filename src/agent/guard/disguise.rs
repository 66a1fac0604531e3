//! What a secret looks like in disguise: other alphabets and accents, letters spelled by words, and the usual encodings.
//! Where it is looked for is decided elsewhere.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use unicode_normalization::UnicodeNormalization;

/// Letters that look like Latin ones: of other alphabets, and with strokes, which are no accents to Unicode.
const LOOKALIKES: [(&str, char); 21] = [
    ("đ", 'd'),
    ("ħ", 'h'),
    ("ł", 'l'),
    ("ŧ", 't'),
    ("аαɑ", 'a'),
    ("сϲ", 'c'),
    ("еε", 'e'),
    ("һ", 'h'),
    ("іιı", 'i'),
    ("ј", 'j'),
    ("кκ", 'k'),
    ("м", 'm'),
    ("оοø", 'o'),
    ("рρ", 'p'),
    ("ѕ", 's'),
    ("тτ", 't'),
    ("υ", 'u'),
    ("ѵν", 'v'),
    ("хχ", 'x'),
    ("уγ", 'y'),
    ("в", 'b'),
];
/// The zeros of other digits than ours; nine more follow each.
const ZEROS: [u32; 17] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50,
    0xed0, 0xf20, 0x1040, 0x17e0,
];
/// Signs that stand for letters.
const LEET: [(char, char); 12] = [
    ('0', 'o'),
    ('1', 'i'),
    ('!', 'i'),
    ('|', 'l'),
    ('3', 'e'),
    ('4', 'a'),
    ('@', 'a'),
    ('5', 's'),
    ('$', 's'),
    ('7', 't'),
    ('8', 'b'),
    ('9', 'g'),
];
/// Words that stand for letters: the alphabet of radio traffic, and the letters' names.
const ALPHABET: [&str; 26] = [
    "alpha alfa able ay",
    "bravo baker bee",
    "charlie cee",
    "delta dog dee",
    "echo easy ee",
    "foxtrot fox eff",
    "golf george gee",
    "hotel aitch haitch",
    "india item eye",
    "juliet juliett jay",
    "kilo king kay",
    "lima love ell el",
    "mike em",
    "november nan en",
    "oscar oboe oh",
    "papa peter pee",
    "quebec queen cue queue",
    "romeo roger ar",
    "sierra sugar ess",
    "tango tare tee",
    "uniform uncle",
    "victor vee",
    "whiskey whisky william doubleu doubleyou",
    "xray x-ray ex",
    "yankee yoke wye why",
    "zulu zebra zee zed",
];
const MORSE: &str = "01 1000 1010 100 0 0010 110 0000 00 0111 101 0100 11 10 111 0110 1101 010 000 1 001 0001 011 1001 1011 \
                     1100";

/// Returns the letters and digits of a text as they are compared: small, without accents, of one alphabet.
pub(super) fn fold(text: &str) -> impl Iterator<Item = char> {
    // Accents become signs of their own, which are no letters; circles, widths and styles come off.
    text.nfkd().flat_map(char::to_lowercase).filter_map(|c| {
        if c.is_ascii() {
            return c.is_ascii_alphanumeric().then_some(c);
        }
        let value = u32::from(c);
        if let Some(zero) = ZEROS
            .iter()
            .find(|zero| (**zero..**zero + 10).contains(&value))
        {
            return char::from_digit(value - zero, 10);
        }
        let alike = LOOKALIKES.iter().find(|(letters, _)| letters.contains(c));
        alike
            .map(|(_, letter)| *letter)
            .or(c.is_alphanumeric().then_some(c))
    })
}

/// Returns a word with letters for the signs that stand for them; `None` when it has none, or nothing else.
pub(super) fn unleet(word: &str) -> Option<String> {
    let sign = |c: char| {
        LEET.iter()
            .find(|(sign, _)| *sign == c)
            .map(|(_, letter)| *letter)
    };
    let letters = word.chars().any(char::is_alphabetic);
    let signs = word
        .trim_end_matches('!')
        .chars()
        .any(|c| sign(c).is_some());
    (letters && signs).then(|| {
        let plain: String = word.chars().map(|c| sign(c).unwrap_or(c)).collect();
        fold(&plain).collect()
    })
}

/// Returns the letter that a folded word spells: itself, or the one whose name it is.
pub(super) fn spelled(word: &str) -> Option<char> {
    let mut letters = word.chars();
    if let (Some(only), None) = (letters.next(), letters.next()) {
        return Some(only);
    }
    let at = ALPHABET
        .iter()
        .position(|names| names.split(' ').any(|name| name == word))?;
    Some(char::from(b'a' + at as u8))
}

/// Returns a secret word in the usual encodings, each as letters and digits in a row: those of its alphabet turned by
/// thirteen, backwards, in base64 at each of its three alignments, in hexadecimal, binary and decimal codes, as places in
/// the alphabet, and in dots and dashes. Those that are too short to be told from chance are left out.
pub(super) fn encodings(word: &str) -> Vec<String> {
    const SHORTEST: usize = 6;
    let small: String = fold(word).collect();
    let mut all = Vec::new();
    for original in [word, &small, &word.to_uppercase()] {
        for shift in 0..3 {
            // What stands before it fills up whole bytes; what depends on its neighbours is cut off.
            let mut bytes = vec![b'x'; shift];
            bytes.extend_from_slice(original.as_bytes());
            let encoded = STANDARD_NO_PAD.encode(&bytes);
            let from = (shift * 8).div_ceil(6);
            let to = bytes.len() * 8 / 6;
            let inner: String = fold(&encoded[from.min(to)..to]).collect();
            all.push(inner);
        }
        let bytes = original.bytes();
        all.push(bytes.clone().map(|byte| format!("{byte:02x}")).collect());
        all.push(bytes.clone().map(|byte| byte.to_string()).collect());
        all.push(bytes.map(|byte| format!("{byte:08b}")).collect());
    }
    if small.bytes().all(|b| b.is_ascii_lowercase()) {
        let turned = small
            .bytes()
            .map(|b| char::from(b'a' + (b - b'a' + 13) % 26));
        all.push(turned.collect());
        all.push(small.bytes().map(|b| (b - b'a' + 1).to_string()).collect());
        let codes: Vec<&str> = MORSE.split_whitespace().collect();
        let morse = small.bytes().map(|b| codes[usize::from(b - b'a')]);
        let morse: String = morse.collect();
        all.push(morse.replace('0', "dot").replace('1', "dash"));
        all.push(morse.replace('0', "dit").replace('1', "dah"));
    }
    all.push(small.chars().rev().collect());
    all.retain(|encoded| encoded.len() >= SHORTEST);
    all.sort_unstable();
    all.dedup();
    all
}

/// Returns what a token of dots and dashes says, as words; `None` for any other token.
pub(super) fn morse(token: &str) -> Option<String> {
    let marks = token.chars().all(|c| ".·-–—−_/".contains(c));
    (marks && !token.is_empty()).then(|| {
        let words = token.chars().map(|c| match c {
            '.' | '·' => "dot",
            '/' => "",
            _ => "dash",
        });
        words.collect()
    })
}

/// Whether a token is made as encodings are and no word is: small and capital letters and digits in turns.
pub(super) fn is_encoded(token: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    let kind = |c: char| {
        (
            c.is_ascii_lowercase(),
            c.is_ascii_uppercase(),
            c.is_ascii_digit(),
        )
    };
    let letters: Vec<char> = token.chars().filter(char::is_ascii_alphanumeric).collect();
    let turns = letters
        .windows(2)
        .filter(|pair| kind(pair[0]) != kind(pair[1]))
        .count();
    token.len() >= 8 && token.chars().all(plain) && turns >= 3
}

/// Returns the text that pieces of base64 hold, as far as it can be read.
pub(super) fn decoded(pieces: &str) -> String {
    let usual: String = pieces
        .chars()
        .filter(|c| *c != '=')
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    let whole = usual.len() / 4 * 4;
    let bytes = STANDARD_NO_PAD.decode(&usual[..whole]).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_come_off() {
        for (text, folded) in [
            ("Sẅordfish", "swordfish"),
            ("ѕwоrdfіѕh", "swordfish"),
            ("４９２１", "4921"),
            ("٤٩٢١", "4921"),
            ("⁴⁹²¹", "4921"),
            ("④⑨②①", "4921"),
            ("𝓼𝔀𝒐𝗿𝐝", "sword"),
            ("ＳＷ\u{f8}Å", "swoa"),
            ("w\u{308}", "w"),
            ("s\u{200b}w", "sw"),
        ] {
            assert_eq!(fold(text).collect::<String>(), folded, "{text}");
        }
        assert_eq!(unleet("sw0rdf1sh").as_deref(), Some("swordfish"));
        assert_eq!(unleet("$w0rdfi5h!").as_deref(), Some("swordfishi"));
        assert_eq!(unleet("hello!"), None);
        assert_eq!(unleet("4921"), None);
        assert_eq!(spelled("whiskey"), Some('w'));
        assert_eq!(spelled("w"), Some('w'));
        assert_eq!(spelled("table"), None);
    }

    #[test]
    fn a_word_in_its_encodings() {
        let all = encodings("swordfish");
        for expected in [
            "c3dvcmrmaxno",
            "fjbeqsvfu",
            "hsifdrows",
            "73776f726466697368",
            "115119111114100102105115104",
            "19231518469198",
            "dotdotdotdotdashdash",
        ] {
            assert!(
                all.iter().any(|one| one.starts_with(expected)),
                "{expected} {all:?}"
            );
        }
        // In the middle of something longer.
        for before in ["", "a", "it is "] {
            let long = STANDARD_NO_PAD.encode(format!("{before}swordfish, and more"));
            let long: String = fold(&long).collect();
            assert!(
                all.iter().any(|one| long.contains(one.as_str())),
                "{before} {long}"
            );
        }
        assert!(
            is_encoded("c3dvcmRmaXNo") && !is_encoded("Reservation") && !is_encoded("19:30-20:30")
        );
        assert_eq!(decoded("c3dvcmRmaXNo"), "swordfish");
    }
}
