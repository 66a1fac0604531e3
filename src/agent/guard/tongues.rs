//! Numbers as words, in the languages that the agent has sentences in: how a secret number would be said aloud, and which
//! digits a word says. What it means that one is said is not decided here.

/// Words that say digits, with the digits. Written without accents, as they are compared.
const WORDS: &[(&str, &str)] = &[
    ("0", "zero oh nought naught nil cero null nul zeroth"),
    ("1", "one uno una un une eins ein eine um uma first"),
    ("2", "two dos deux zwei zwo due dois duas second"),
    ("3", "three tree tres trois drei tre third"),
    ("4", "four fower cuatro quatre vier quattro quatro fourth"),
    ("5", "five fife cinco cinq funf cinque fifth"),
    ("6", "six seis sechs sei meia sixth"),
    ("7", "seven siete sept sieben sette sete seventh"),
    ("8", "eight ait ocho huit acht otto oito eighth"),
    ("9", "nine niner nueve neuf neun nove ninth"),
    ("10", "ten diez dix zehn dieci dez"),
    ("11", "eleven once onze elf undici"),
    ("12", "twelve doce douze zwolf dodici doze"),
    ("13", "thirteen trece treize dreizehn tredici treze"),
    ("14", "fourteen catorce quatorze vierzehn quattordici"),
    ("15", "fifteen quince quinze funfzehn quindici"),
    (
        "16",
        "sixteen dieciseis seize sechzehn sedici dezasseis dezesseis",
    ),
    (
        "17",
        "seventeen diecisiete dixsept siebzehn diciassette dezassete dezessete",
    ),
    ("18", "eighteen dieciocho dixhuit achtzehn diciotto dezoito"),
    (
        "19",
        "nineteen diecinueve dixneuf neunzehn diciannove dezanove dezenove",
    ),
];
/// Words for tens; a unit may follow.
const TENS: [&str; 8] = [
    "twenty veinte vingt zwanzig venti vinte",
    "thirty treinta trente dreissig dreißig trenta trinta",
    "forty cuarenta quarante vierzig quaranta quarenta",
    "fifty cincuenta cinquante funfzig cinquanta cinquenta",
    "sixty sesenta soixante sechzig sessanta sessenta",
    "seventy setenta septante siebzig settanta",
    "eighty ochenta huitante octante achtzig ottanta oitenta",
    "ninety noventa nonante neunzig novanta",
];
/// Words that say the next digit more than once.
const TIMES: [(&str, usize); 14] = [
    ("double", 2),
    ("twice", 2),
    ("doble", 2),
    ("doppel", 2),
    ("doppelt", 2),
    ("zweimal", 2),
    ("doppio", 2),
    ("duplo", 2),
    ("triple", 3),
    ("treble", 3),
    ("thrice", 3),
    ("dreimal", 3),
    ("triplo", 3),
    ("quadruple", 4),
];
/// Words between tens and units.
const BETWEEN: [&str; 4] = ["and", "y", "et", "e"];

/// What a piece of a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Digits as they are.
    Digits(String),
    /// Tens: this digit, and a unit or else a zero.
    Tens(char),
    /// The next digit, so many times.
    Times(usize),
    /// Neither a number nor its end.
    Between,
    /// Another word.
    Word,
}

/// Reads a piece: a word in small letters without accents.
pub(super) fn read(piece: &str) -> Said {
    if piece.chars().any(|c| c.is_ascii_digit()) {
        return Said::Digits(piece.chars().filter(char::is_ascii_digit).collect());
    }
    let is_in = |words: &str| words.split(' ').any(|word| word == piece);
    if let Some((digits, _)) = WORDS.iter().find(|(_, words)| is_in(words)) {
        return Said::Digits((*digits).to_owned());
    }
    if let Some(tens) = TENS.iter().position(|words| is_in(words)) {
        return Said::Tens(char::from(b'2' + tens as u8));
    }
    if let Some((_, times)) = TIMES.iter().find(|(word, _)| *word == piece) {
        return Said::Times(*times);
    }
    if BETWEEN.contains(&piece) {
        return Said::Between;
    }
    // "neunundvierzig", "quarantanove", "veintiuno", "quatrevingtdixneuf": one word for two digits.
    let compound = piece.len() >= 7
        && [
            "zig", "ssig", "vent", "anta", "enta", "veinti", "vingt", "soixante",
        ]
        .iter()
        .any(|part| piece.contains(part));
    let number = compound
        .then(|| (17..100).find(|n| aloud(*n).iter().any(|said| said == piece)))
        .flatten();
    number.map_or(Said::Word, |n| Said::Digits(n.to_string()))
}

/// Returns how `n` is said, 10 to 9,999, in each of the languages, letters only and without accents. Each is what all
/// usual ways to say it have in common at their ends: "a hundred and eighty" and "one hundred and eighty".
pub(super) fn aloud(n: u32) -> Vec<String> {
    if !(10..10_000).contains(&n) {
        return Vec::new();
    }
    let mut all = vec![
        english(n, ""),
        english(n, "and"),
        spanish(n),
        french(n),
        german(n),
    ];
    all.extend([italian(n, true), italian(n, false), portuguese(n)]);
    if n >= 100 && !n.is_multiple_of(100) {
        // "One eighty", "forty-nine twenty-one".
        let (head, tail) = (n / 100, n % 100);
        let zero = if tail < 10 { "oh" } else { "" };
        all.push(format!("{}{zero}{}", english(head, ""), english(tail, "")));
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn pick(words: &str, at: u32) -> &str {
    words.split(' ').nth(at as usize).unwrap_or_default()
}

fn english(n: u32, and: &str) -> String {
    const SMALL: &str = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen \
                         sixteen seventeen eighteen nineteen";
    const TENS: &str = "twenty thirty forty fifty sixty seventy eighty ninety";
    let rest = |rest: u32| match rest {
        0 => String::new(),
        rest => format!("{and}{}", english(rest, and)),
    };
    match n {
        0..20 => pick(SMALL, n).to_owned(),
        20..100 if n.is_multiple_of(10) => pick(TENS, n / 10 - 2).to_owned(),
        20..100 => format!("{}{}", pick(TENS, n / 10 - 2), pick(SMALL, n % 10)),
        100..200 => format!("hundred{}", rest(n % 100)),
        200..1000 => format!("{}hundred{}", pick(SMALL, n / 100), rest(n % 100)),
        _ => {
            let head = match n / 1000 {
                1 => String::new(),
                head => english(head, and),
            };
            let tail = n % 1000;
            let tail = match tail {
                100..200 => format!("onehundred{}", rest(tail % 100)),
                0..100 => rest(tail),
                _ => english(tail, and),
            };
            format!("{head}thousand{tail}")
        }
    }
}

fn spanish(n: u32) -> String {
    const SMALL: &str = "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince \
                         dieciseis diecisiete dieciocho diecinueve veinte veintiuno veintidos veintitres \
                         veinticuatro veinticinco veintiseis veintisiete veintiocho veintinueve";
    const TENS: &str = "treinta cuarenta cincuenta sesenta setenta ochenta noventa";
    const HUNDREDS: &str = "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos \
                            ochocientos novecientos";
    let rest = |rest: u32| {
        if rest == 0 {
            String::new()
        } else {
            spanish(rest)
        }
    };
    match n {
        0..30 => pick(SMALL, n).to_owned(),
        30..100 if n.is_multiple_of(10) => pick(TENS, n / 10 - 3).to_owned(),
        30..100 => format!("{}y{}", pick(TENS, n / 10 - 3), pick(SMALL, n % 10)),
        100 => "cien".to_owned(),
        101..1000 => format!("{}{}", pick(HUNDREDS, n / 100 - 1), rest(n % 100)),
        1000..2000 => format!("mil{}", rest(n % 1000)),
        _ => format!("{}mil{}", pick(SMALL, n / 1000), rest(n % 1000)),
    }
}

fn french(n: u32) -> String {
    const SMALL: &str = "zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize \
                         dixsept dixhuit dixneuf";
    const TENS: &str = "vingt trente quarante cinquante soixante";
    let rest = |rest: u32| {
        if rest == 0 {
            String::new()
        } else {
            french(rest)
        }
    };
    match n {
        0..20 => pick(SMALL, n).to_owned(),
        20..70 if n % 10 == 1 => format!("{}etun", pick(TENS, n / 10 - 2)),
        20..70 => format!("{}{}", pick(TENS, n / 10 - 2), rest(n % 10)),
        71 => "soixanteetonze".to_owned(),
        70..80 => format!("soixante{}", french(n - 60)),
        80..100 => format!("quatrevingt{}", rest(n - 80)),
        100..200 => format!("cent{}", rest(n % 100)),
        200..1000 => format!("{}cent{}", pick(SMALL, n / 100), rest(n % 100)),
        1000..2000 => format!("mille{}", rest(n % 1000)),
        _ => format!("{}mille{}", pick(SMALL, n / 1000), rest(n % 1000)),
    }
}

fn german(n: u32) -> String {
    const SMALL: &str = "null eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf dreizehn vierzehn funfzehn \
                         sechzehn siebzehn achtzehn neunzehn";
    const TENS: &str = "zwanzig dreißig vierzig funfzig sechzig siebzig achtzig neunzig";
    let rest = |rest: u32| {
        if rest == 0 {
            String::new()
        } else {
            german(rest)
        }
    };
    match n {
        0..20 => pick(SMALL, n).to_owned(),
        20..100 if n.is_multiple_of(10) => pick(TENS, n / 10 - 2).to_owned(),
        20..100 if n % 10 == 1 => format!("einund{}", pick(TENS, n / 10 - 2)),
        20..100 => format!("{}und{}", pick(SMALL, n % 10), pick(TENS, n / 10 - 2)),
        100..200 => format!("hundert{}", rest(n % 100)),
        200..1000 => format!("{}hundert{}", pick(SMALL, n / 100), rest(n % 100)),
        1000..2000 => format!("tausend{}", rest(n % 1000)),
        _ => format!("{}tausend{}", pick(SMALL, n / 1000), rest(n % 1000)),
    }
}

/// With or without the vowel that "cento" may lose before "otto" and "ottanta".
fn italian(n: u32, joined: bool) -> String {
    const SMALL: &str = "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici \
                         quindici sedici diciassette diciotto diciannove";
    const TENS: &str = "venti trenta quaranta cinquanta sessanta settanta ottanta novanta";
    let rest = |rest: u32| {
        if rest == 0 {
            String::new()
        } else {
            italian(rest, joined)
        }
    };
    match n {
        0..20 => pick(SMALL, n).to_owned(),
        20..100 => {
            let tens = pick(TENS, n / 10 - 2);
            let tens = match n % 10 {
                1 | 8 => &tens[..tens.len() - 1],
                _ => tens,
            };
            format!("{tens}{}", rest(n % 10))
        }
        100..1000 => {
            let head = if n < 200 { "" } else { pick(SMALL, n / 100) };
            let tail = rest(n % 100);
            let cento = if joined && tail.starts_with('o') {
                "cent"
            } else {
                "cento"
            };
            format!("{head}{cento}{tail}")
        }
        1000..2000 => format!("mille{}", rest(n % 1000)),
        _ => format!("{}mila{}", pick(SMALL, n / 1000), rest(n % 1000)),
    }
}

fn portuguese(n: u32) -> String {
    const SMALL: &str = "zero um dois tres quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezasseis \
                         dezassete dezoito dezanove";
    const TENS: &str = "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa";
    const HUNDREDS: &str = "cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos \
                            novecentos";
    let rest = |rest: u32| match rest {
        0 => String::new(),
        rest => format!("e{}", portuguese(rest)),
    };
    match n {
        0..20 => pick(SMALL, n).to_owned(),
        20..100 => format!("{}{}", pick(TENS, n / 10 - 2), rest(n % 10)),
        100 => "cem".to_owned(),
        101..1000 => format!("{}{}", pick(HUNDREDS, n / 100 - 1), rest(n % 100)),
        _ => {
            let head = match n / 1000 {
                1 => "",
                head => pick(SMALL, head),
            };
            let tail = n % 1000;
            match tail {
                0 => format!("{head}mil"),
                // "mil e cem", "mil e vinte", and "mil novecentos e vinte".
                tail if tail < 100 || tail.is_multiple_of(100) => {
                    format!("{head}mile{}", portuguese(tail))
                }
                tail => format!("{head}mil{}", portuguese(tail)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_in_six_languages() {
        for (n, expected) in [
            (
                180,
                "hundredandeighty hundredeighty oneeighty cientoochenta centquatrevingt hundertachtzig centottanta \
                 centoottanta centoeoitenta",
            ),
            (
                4921,
                "fourthousandninehundredtwentyone fourthousandninehundredandtwentyone fortyninetwentyone \
                 cuatromilnovecientosveintiuno quatremilleneufcentvingtetun \
                 viertausendneunhunderteinundzwanzig quattromilanovecentoventuno quatromilnovecentosevinteeum",
            ),
            (
                75,
                "seventyfive setentaycinco soixantequinze funfundsiebzig settantacinque setentaecinco",
            ),
        ] {
            let said = aloud(n);
            let expected: Vec<_> = expected.split_whitespace().collect();
            for one in &expected {
                assert!(said.iter().any(|said| said == one), "{n} {one} {said:?}");
            }
            assert_eq!(said.len(), expected.len(), "{said:?}");
        }
    }

    #[test]
    fn words_say_digits() {
        let digits = |text: &str| Said::Digits(text.to_owned());
        for (word, said) in [
            ("four", digits("4")),
            ("funf", digits("5")),
            ("neunundvierzig", digits("49")),
            ("quarantanove", digits("49")),
            ("veintiuno", digits("21")),
            ("quatrevingtdixneuf", digits("99")),
            ("cuarenta", Said::Tens('4')),
            ("triple", Said::Times(3)),
            ("y", Said::Between),
            ("table", Said::Word),
            ("seventeen", digits("17")),
            ("representation", Said::Word),
            ("a4b9", digits("49")),
        ] {
            assert_eq!(read(word), said, "{word}");
        }
    }
}
