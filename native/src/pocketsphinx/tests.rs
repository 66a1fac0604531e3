use super::*;
use crate::flite::{Next, Voice};

fn model() -> Model {
    let folder = Path::new("/usr/share/pocketsphinx/model/en-us");
    Model {
        acoustic: folder.join("en-us"),
        dictionary: folder.join("cmudict-en-us.dict"),
        language: vec![(folder.join("en-us.lm.bin"), 1.0)],
        options: vec![
            ("-fwdflat", Setting::Int(0)),
            ("-remove_silence", Setting::Int(0)),
            ("-beam", Setting::Float(1e-48)),
        ],
    }
}

#[test]
fn words_that_flite_speaks_are_heard() {
    let mut sound = vec![0_i16; 4800];
    Voice::Rms
        .speak("I would like a table for two people.", |piece| {
            sound.extend_from_slice(piece.samples);
            Next::More
        })
        .unwrap();
    sound.extend_from_slice(&[0; 4800]);
    let mut decoder = Decoder::new(&model()).unwrap();
    decoder.start().unwrap();
    for piece in sound.chunks(320) {
        decoder.process_raw(piece).unwrap();
    }
    let early = decoder.hypothesis().0;
    decoder.end().unwrap();
    let (text, score) = decoder.hypothesis();
    assert!(text.contains("table for two people"), "{text}");
    assert!(!early.is_empty());
    assert!(score < 0);
    let words = decoder.words();
    assert!(
        words
            .iter()
            .any(|word| word.text == "table" && word.first > 30),
        "{words:?}"
    );
    assert!(words.is_sorted_by_key(|word| word.first));
}

#[test]
fn the_shares_of_several_models_can_be_changed_between_utterances() {
    let mut decoder = Decoder::new(&model()).unwrap();
    assert!(decoder.set_shares(&[1.0]).is_err(), "there is only one");
    let digits = tempfile::Builder::new().suffix(".arpa").tempfile().unwrap();
    let words = ["one", "two"];
    let lines = words.map(|word| format!("-0.6 {word} -0.3\n")).concat();
    let arpa =
        format!("\\data\\\nngram 1=4\n\n\\1-grams:\n-99 <s> 0\n-0.6 </s>\n{lines}\n\\end\\\n");
    std::fs::write(digits.path(), arpa).unwrap();
    let mut several = model();
    several.language.push((digits.path().to_owned(), 0.0));
    let mut sound = vec![0_i16; 4800];
    Voice::Rms
        .speak("would you like some tea", |piece| {
            sound.extend_from_slice(piece.samples);
            Next::More
        })
        .unwrap();
    sound.extend_from_slice(&[0; 4800]);
    let mut decoder = Decoder::new(&several).unwrap();
    let mut hear = |shares: &[f32]| {
        decoder.set_shares(shares).unwrap();
        decoder.start().unwrap();
        decoder.process_raw(&sound).unwrap();
        assert!(decoder.set_shares(shares).is_err(), "inside an utterance");
        decoder.end().unwrap();
        decoder.hypothesis().0
    };
    let digits = |text: String| text.split(' ').all(|word| words.contains(&word));
    assert!(digits(hear(&[0.0, 1.0])));
    assert_eq!(hear(&[1.0, 0.0]), "would you like some tea");
    assert!(digits(hear(&[0.0, 1.0])));
    assert!(decoder.set_shares(&[1.0]).is_err(), "there are two");
}

#[test]
fn the_order_of_calls_is_checked() {
    let mut decoder = Decoder::new(&model()).unwrap();
    assert!(decoder.process_raw(&[0; 320]).is_err());
    assert!(decoder.end().is_err());
    assert_eq!(decoder.hypothesis(), (String::new(), 0));
    assert_eq!(decoder.words(), []);
    decoder.start().unwrap();
    assert!(decoder.start().is_err());
    decoder.process_cepstra(&mut []).unwrap();
}

#[test]
fn words_can_be_added_and_means_set() {
    let mut decoder = Decoder::new(&model()).unwrap();
    assert_eq!(decoder.pronunciation("nopa"), None);
    decoder.add_word("nopa", "N OW P AH", true).unwrap();
    assert_eq!(decoder.pronunciation("nopa").as_deref(), Some("N OW P AH"));
    assert!(decoder.add_word("nopa2", "N OW QQ", true).is_err());
    let mut mean = [0.0; CEPSTRA];
    mean[0] = 37.5;
    decoder.set_mean(&mean);
    assert_eq!(decoder.mean(), mean);
}

#[test]
fn what_is_missing_is_said() {
    let mut broken = model();
    broken.language[0].0 = PathBuf::from("/nonexistent.lm");
    let error = Decoder::new(&broken).unwrap_err();
    assert!(error.to_string().contains("/nonexistent.lm"), "{error}");
    let mut broken = model();
    broken.options.push(("-nonsense", Setting::Int(1)));
    assert!(matches!(Decoder::new(&broken), Err(Error::Option(name)) if name == "-nonsense"));
    let mut broken = model();
    broken.acoustic = PathBuf::from("/nonexistent");
    assert!(matches!(Decoder::new(&broken), Err(Error::Model(_))));
}

#[test]
fn a_model_tells_its_likeliest_words() {
    let words = likeliest_words(Path::new(
        "/usr/share/pocketsphinx/model/en-us/en-us.lm.bin",
    ))
    .unwrap();
    let place = |word: &str| words.iter().position(|w| w == word).unwrap();
    assert!(words.len() > 10_000);
    assert!(place("the") < 10 && place("restaurant") > 500);
    assert!(likeliest_words(Path::new("/nonexistent")).is_err());
}
