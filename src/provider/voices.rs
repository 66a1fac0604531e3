//! Several voice services as one: the first that has a voice for the language of a call speaks on it.

use std::sync::Arc;

use super::{
    BoxFuture, ProviderError, ProviderErrorKind, TextToSpeech, TtsOptions, TtsStream, is_english,
};

/// The languages that a service is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Languages {
    /// English, of any region.
    English,
    /// Every language; the service refuses those it lacks.
    All,
}

/// A service among [`Voices`].
#[derive(Debug, Clone)]
pub struct Choice {
    /// Speaks.
    pub service: Arc<dyn TextToSpeech>,
    /// What it is asked for.
    pub languages: Languages,
    /// The voice, by the service's own name, of calls that name none; its default when empty.
    pub voice: String,
}

/// Voice services by language.
#[derive(Debug)]
pub struct Voices {
    choices: Vec<Choice>,
}

impl Voices {
    /// Makes one service of these, which are asked in this order.
    #[must_use]
    pub fn new(choices: Vec<Choice>) -> Self {
        Self { choices }
    }

    fn choose(&self, mut options: TtsOptions) -> Result<(&Choice, TtsOptions), ProviderError> {
        let fits = |choice: &&Choice| match choice.languages {
            Languages::English => is_english(&options.language),
            Languages::All => true,
        };
        let choice = self.choices.iter().find(fits).ok_or_else(|| {
            let message = format!(
                "the voice of this server speaks no {}, English only; set tts.provider to auto or espeak",
                options.language
            );
            ProviderError::new(ProviderErrorKind::Unsupported, message)
        })?;
        if options.voice.is_empty() {
            options.voice.clone_from(&choice.voice);
        }
        Ok((choice, options))
    }
}

impl TextToSpeech for Voices {
    fn name(&self) -> &'static str {
        self.choices
            .first()
            .map_or("none", |choice| choice.service.name())
    }

    fn check(&self, options: &TtsOptions) -> Result<(), ProviderError> {
        let (choice, options) = self.choose(options.clone())?;
        choice.service.check(&options)
    }

    fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        Box::pin(async move {
            let (choice, options) = self.choose(options)?;
            choice.service.open(options).await
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    /// A service that knows one voice and says which it was asked for.
    #[derive(Debug)]
    struct Only(&'static str);

    impl TextToSpeech for Only {
        fn name(&self) -> &'static str {
            self.0
        }

        fn check(&self, options: &TtsOptions) -> Result<(), ProviderError> {
            let asked = format!("{} {} {}", self.0, options.language, options.voice);
            Err(ProviderError::new(ProviderErrorKind::Busy, asked))
        }

        fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
            let refused = self.check(&options);
            Box::pin(async move {
                refused?;
                let ((input, _), (_, events)) = (mpsc::channel(1), mpsc::channel(1));
                Ok(TtsStream { input, events })
            })
        }
    }

    fn choice(name: &'static str, languages: Languages, voice: &str) -> Choice {
        Choice {
            service: Arc::new(Only(name)),
            languages,
            voice: voice.to_owned(),
        }
    }

    #[tokio::test]
    async fn the_first_that_fits_speaks_with_its_own_voice() {
        let voices = Voices::new(vec![
            choice("one", Languages::English, "anna"),
            choice("two", Languages::All, ""),
        ]);
        for (language, voice, asked) in [
            ("", "", "one  anna"),
            ("en-GB", "", "one en-GB anna"),
            ("en", "bert", "one en bert"),
            ("es-MX", "", "two es-MX "),
            ("eng", "", "two eng "),
        ] {
            let options = TtsOptions {
                language: language.to_owned(),
                voice: voice.to_owned(),
            };
            assert_eq!(voices.check(&options).unwrap_err().to_string(), asked);
            let refused = voices.open(options).await.unwrap_err();
            assert_eq!(refused.to_string(), asked);
        }
        assert_eq!(voices.name(), "one");
    }

    #[test]
    fn a_language_that_nobody_speaks_is_refused() {
        let voices = Voices::new(vec![choice("one", Languages::English, "")]);
        let options = TtsOptions {
            language: "de".to_owned(),
            voice: String::new(),
        };
        let error = voices.check(&options).unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Unsupported);
        assert!(error.to_string().contains("tts.provider"), "{error}");
    }
}
