//! Reads the callee's website before the call: title, hours, address, phone, menu or services.
//!
//! Decides how long that may take, how much is read and kept, and what is remembered. Where a request may go is the
//! [`Guard`]'s decision, what a page says is found out by [`page`]. A site that cannot be read costs nothing but its facts:
//! the call is made all the same, and its record says why nothing is known.

mod facts;
mod fetch;
mod page;

use std::time::Duration;

use protocol::rest::{Context, Time};
use reqwest::Url;

use self::facts::Facts;
pub(crate) use self::facts::told;
use crate::{
    driver::clock,
    net::guard::Guard,
    store::{Cache, CacheKey},
};

/// The longest that reading may take, whatever is configured; the dialing waits for it.
pub const LONGEST: Duration = Duration::from_secs(5);
/// Other pages of a site that are read when the first one lacks something.
const MORE_PAGES: usize = 2;

/// How sites are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// At most so many tokens are kept of a site.
    pub tokens: u32,
    /// How long reading may take, at most [`LONGEST`].
    pub limit: Duration,
    /// How long what was read is good for later calls.
    pub fresh: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tokens: 1500,
            limit: LONGEST,
            fresh: Duration::from_secs(24 * 3600),
        }
    }
}

/// Reads sites.
#[derive(Debug, Clone)]
pub struct Reader {
    client: reqwest::Client,
    guard: Guard,
    cache: Cache,
    settings: Settings,
}

impl Reader {
    /// Makes a reader.
    ///
    /// # Errors
    /// When no TLS client can be made; the sentence says why.
    pub fn new(guard: Guard, cache: Cache, settings: Settings) -> Result<Self, String> {
        Ok(Self {
            client: fetch::client(&guard)?,
            guard,
            cache,
            settings,
        })
    }

    /// Reads a site, or remembers what it read. Returns within the limit, with what was found until then.
    pub async fn read(&self, website: &str) -> Context {
        let key = CacheKey::new("site", &[website, &self.settings.tokens.to_string()]);
        if let Some(context) = self.remembered(key).await {
            return context;
        }
        let mut found = Found {
            url: website.to_owned(),
            facts: Facts::default(),
            problem: None,
        };
        let limit = self.settings.limit.min(LONGEST);
        let complete = clock::timeout(limit, self.explore(website, &mut found)).await;
        if complete.is_none() {
            let seconds = limit.as_secs_f32();
            let problem = format!("The website was not read to its end within {seconds} seconds.");
            found.problem.get_or_insert(problem);
        }
        let (tokens, url) = (self.settings.tokens, found.url);
        let read_at = Time::from(clock::wall());
        let context = found.facts.within(tokens, url, found.problem, read_at);
        if context.problem.is_none() {
            let (cache, kept) = (self.cache.clone(), context.clone());
            tokio::task::spawn_blocking(move || {
                if let Ok(bytes) = serde_json::to_vec(&kept) {
                    cache.put(&key, bytes);
                }
            });
        }
        context
    }

    async fn remembered(&self, key: CacheKey) -> Option<Context> {
        let cache = self.cache.clone();
        let bytes = tokio::task::spawn_blocking(move || cache.get(&key))
            .await
            .ok()??;
        let context: Context = serde_json::from_slice(&bytes).ok()?;
        let age = clock::wall().duration_since(context.read_at.into());
        let age = Duration::try_from(age).unwrap_or_default();
        (age < self.settings.fresh).then_some(context)
    }

    /// Reads the page that was named, and of its site what that page lacks.
    async fn explore(&self, website: &str, found: &mut Found) {
        // People leave out what a browser adds.
        let whole = match website.contains("://") {
            true => website.to_owned(),
            false => format!("https://{website}"),
        };
        let Ok(url) = Url::parse(&whole) else {
            found.problem = Some("The website is no web address.".to_owned());
            return;
        };
        let links = match self.page(url, found).await {
            Ok(links) => links,
            Err(problem) => {
                found.problem = Some(problem);
                return;
            }
        };
        for link in links.into_iter().take(MORE_PAGES) {
            if found.facts.lacks(link.about) {
                // A page beside the first that cannot be read is no problem of the site.
                let _ = self.page(link.url, found).await;
            }
        }
    }

    async fn page(&self, url: Url, found: &mut Found) -> Result<Vec<page::Link>, String> {
        let fetched = fetch::get(&self.client, &self.guard, url).await?;
        let (at, first) = (fetched.url.clone(), found.facts.is_empty());
        // Pages are large and parsing is work, so not on a thread that carries sound.
        let read = tokio::task::spawn_blocking(move || page::read(&fetched.url, &fetched.text));
        let (facts, links) = read
            .await
            .map_err(|_| "The website could not be understood.".to_owned())?;
        if first {
            found.url = at.to_string();
        }
        found.facts.add(facts);
        Ok(links)
    }
}

/// What is known so far.
struct Found {
    url: String,
    facts: Facts,
    problem: Option<String>,
}
