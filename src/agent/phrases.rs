//! The sentences that the agent says word for word, in the languages that have them. What a model or the rules say
//! is made elsewhere.

use crate::provider::is_english;

/// Sentences in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sentences {
    /// Primary subtag of BCP 47.
    language: &'static str,
    filler: &'static str,
    trouble: &'static str,
    asking: &'static str,
    withheld: &'static str,
    sorry: &'static str,
    goodbye: &'static str,
    nobody: &'static str,
    /// Before the objective, to a person.
    pub(crate) introduction: &'static str,
    /// To a person whose answer nothing here can understand.
    pub(crate) deaf: &'static str,
    /// Before and after the objective, to a voice mailbox.
    mailbox: [&'static str; 2],
    /// That a machine calls, and that the call is recorded.
    pub(crate) disclosure: [&'static str; 2],
}

const ENGLISH: Sentences = Sentences {
    language: "en",
    filler: "One moment, please.",
    trouble: "I'm sorry, this takes a moment longer.",
    asking: "Let me check that with the customer. One moment, please.",
    withheld: "I'm sorry, I can't talk about that.",
    sorry: "I'm sorry, I have to call back later. Goodbye.",
    goodbye: "I have to go now. Thank you for your time. Goodbye.",
    nobody: "I can't hear anyone, so I'll hang up now. Goodbye.",
    introduction: "Hello. I am an automated assistant, calling on behalf of a customer. The request is:",
    deaf: "I'm sorry, I cannot understand your answer, but it was recorded and will be listened to. Thank you. Goodbye.",
    mailbox: [
        "Hello, this is an automated call on behalf of a customer. The request was:",
        "Please call back. Thank you.",
    ],
    disclosure: [
        "This is an automated assistant calling.",
        "This call is recorded.",
    ],
};

const OTHERS: [Sentences; 5] = [
    Sentences {
        language: "es",
        filler: "Un momento, por favor.",
        trouble: "Disculpe, tarda un momento más.",
        asking: "Déjeme consultarlo con el cliente. Un momento, por favor.",
        withheld: "Lo siento, no puedo hablar de eso.",
        sorry: "Lo siento, tendré que volver a llamar más tarde. Adiós.",
        goodbye: "Tengo que despedirme. Gracias por su tiempo. Adiós.",
        nobody: "No oigo a nadie, así que voy a colgar. Adiós.",
        introduction: "Hola. Soy un asistente automático y llamo de parte de un cliente. La petición es la siguiente:",
        deaf: "Lo siento, no puedo entender su respuesta, pero ha quedado grabada y será escuchada. Gracias. Adiós.",
        mailbox: [
            "Hola, esta es una llamada automática de parte de un cliente. La petición era la siguiente:",
            "Por favor, devuelva la llamada. Gracias.",
        ],
        disclosure: [
            "Le llama un asistente automático.",
            "Esta llamada se graba.",
        ],
    },
    Sentences {
        language: "fr",
        filler: "Un instant, s'il vous plaît.",
        trouble: "Excusez-moi, cela prend encore un instant.",
        asking: "Je vérifie cela avec le client. Un instant, s'il vous plaît.",
        withheld: "Je suis désolé, je ne peux pas en parler.",
        sorry: "Je suis désolé, je dois rappeler plus tard. Au revoir.",
        goodbye: "Je dois vous laisser. Merci de votre temps. Au revoir.",
        nobody: "Je n'entends personne, je vais donc raccrocher. Au revoir.",
        introduction: "Bonjour. Je suis un assistant automatique et j'appelle de la part d'un client. Voici sa demande :",
        deaf: "Je suis désolé, je ne peux pas comprendre votre réponse, mais elle est enregistrée et sera écoutée. Merci. Au revoir.",
        mailbox: [
            "Bonjour, ceci est un appel automatique de la part d'un client. Voici sa demande :",
            "Merci de rappeler.",
        ],
        disclosure: [
            "Vous parlez à un assistant automatique.",
            "Cet appel est enregistré.",
        ],
    },
    Sentences {
        language: "de",
        filler: "Einen Moment, bitte.",
        trouble: "Entschuldigung, es dauert noch einen Moment.",
        asking: "Das frage ich kurz beim Kunden nach. Einen Moment, bitte.",
        withheld: "Es tut mir leid, darüber kann ich nicht sprechen.",
        sorry: "Es tut mir leid, ich muss später noch einmal anrufen. Auf Wiederhören.",
        goodbye: "Ich muss jetzt Schluss machen. Vielen Dank für Ihre Zeit. Auf Wiederhören.",
        nobody: "Ich höre niemanden und lege deshalb auf. Auf Wiederhören.",
        introduction: "Guten Tag. Ich bin ein automatischer Assistent und rufe im Auftrag eines Kunden an. Sein Anliegen:",
        deaf: "Es tut mir leid, ich kann Ihre Antwort nicht verstehen, aber sie wurde aufgezeichnet und wird angehört. Vielen Dank. Auf Wiederhören.",
        mailbox: [
            "Guten Tag, dies ist ein automatischer Anruf im Auftrag eines Kunden. Sein Anliegen war:",
            "Bitte rufen Sie zurück. Vielen Dank.",
        ],
        disclosure: [
            "Hier spricht ein automatischer Assistent.",
            "Dieses Gespräch wird aufgezeichnet.",
        ],
    },
    Sentences {
        language: "it",
        filler: "Un momento, per favore.",
        trouble: "Mi scusi, ci vuole ancora un momento.",
        asking: "Lo chiedo subito al cliente. Un momento, per favore.",
        withheld: "Mi dispiace, non posso parlarne.",
        sorry: "Mi dispiace, dovrò richiamare più tardi. Arrivederci.",
        goodbye: "Ora devo salutarla. Grazie per il suo tempo. Arrivederci.",
        nobody: "Non sento nessuno, quindi riaggancio. Arrivederci.",
        introduction: "Buongiorno. Sono un assistente automatico e chiamo per conto di un cliente. La richiesta è questa:",
        deaf: "Mi dispiace, non posso capire la sua risposta, ma è stata registrata e verrà ascoltata. Grazie. Arrivederci.",
        mailbox: [
            "Buongiorno, questa è una chiamata automatica per conto di un cliente. La richiesta era questa:",
            "La preghiamo di richiamare. Grazie.",
        ],
        disclosure: [
            "La chiama un assistente automatico.",
            "Questa chiamata viene registrata.",
        ],
    },
    Sentences {
        language: "pt",
        filler: "Um momento, por favor.",
        trouble: "Desculpe, demora só mais um momento.",
        asking: "Vou confirmar isso com o cliente. Um momento, por favor.",
        withheld: "Lamento, não posso falar sobre isso.",
        sorry: "Lamento, terei de voltar a ligar mais tarde. Adeus.",
        goodbye: "Tenho de me despedir. Obrigado pelo seu tempo. Adeus.",
        nobody: "Não ouço ninguém, por isso vou desligar. Adeus.",
        introduction: "Olá. Sou um assistente automático e ligo em nome de um cliente. O pedido é o seguinte:",
        deaf: "Lamento, não consigo entender a sua resposta, mas ficou gravada e será ouvida. Obrigado. Adeus.",
        mailbox: [
            "Olá, esta é uma chamada automática em nome de um cliente. O pedido era o seguinte:",
            "Por favor, ligue de volta. Obrigado.",
        ],
        disclosure: [
            "Está a falar com um assistente automático.",
            "Esta chamada é gravada.",
        ],
    },
];

impl Sentences {
    /// Returns the sentences of a BCP 47 language (US English when empty), if there are any.
    pub(crate) fn find(language: &str) -> Option<&'static Self> {
        if is_english(language) {
            return Some(&ENGLISH);
        }
        let primary = language.split(['-', '_']).next().unwrap_or_default();
        OTHERS
            .iter()
            .find(|sentences| primary.eq_ignore_ascii_case(sentences.language))
    }

    /// As [`Sentences::find`], English for languages without.
    pub(crate) fn of(language: &str) -> &'static Self {
        Self::find(language).unwrap_or(&ENGLISH)
    }

    /// Returns those that the call core says.
    pub(crate) fn for_the_core(&self) -> call::Phrases {
        call::Phrases {
            filler: self.filler.to_owned(),
            trouble: self.trouble.to_owned(),
            asking: self.asking.to_owned(),
            withheld: self.withheld.to_owned(),
            sorry: self.sorry.to_owned(),
            goodbye: self.goodbye.to_owned(),
            nobody: self.nobody.to_owned(),
        }
    }

    /// Returns what is left on a mailbox when the requester gave no words for it.
    pub(crate) fn mailbox_message(&self, objective: &str) -> String {
        let [before, after] = self.mailbox;
        format!("{before} {}. {after}", bare(objective))
    }
}

/// The objective without the stop at its end.
pub(crate) fn bare(objective: &str) -> &str {
    objective.trim().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_is_what_the_core_would_say_by_itself() {
        assert_eq!(ENGLISH.for_the_core(), call::Phrases::default());
    }

    #[test]
    fn sentences_are_found_by_language() {
        for (tag, language) in [
            ("", Some("en")),
            ("en-GB", Some("en")),
            ("es", Some("es")),
            ("es-MX", Some("es")),
            ("PT-br", Some("pt")),
            ("ja", None),
            ("est", None),
        ] {
            let found = Sentences::find(tag).map(|found| found.language);
            assert_eq!(found, language, "{tag}");
        }
        assert_eq!(Sentences::of("ja"), &ENGLISH);
    }

    #[test]
    fn every_language_has_sentences_of_its_own() {
        let mut all: Vec<String> = Vec::new();
        for language in ["en", "es", "fr", "de", "it", "pt"] {
            let sentences = Sentences::find(language).unwrap();
            let core = sentences.for_the_core();
            all.extend([
                core.filler,
                core.trouble,
                core.asking,
                core.withheld,
                core.sorry,
                core.goodbye,
                core.nobody,
            ]);
            all.extend([sentences.introduction, sentences.deaf].map(str::to_owned));
            all.extend(sentences.disclosure.map(str::to_owned));
            all.push(sentences.mailbox_message("Book a table."));
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(
            all.iter()
                .all(|text| text.len() > 10 && !text.contains(".."))
        );
    }
}
