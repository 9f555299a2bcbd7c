//! Warnings about settings that have no effect, as the directory is now. They are no errors: a
//! deploy may bring the missing file.

use super::Files;
use super::rules::Rules;
use super::store::Found;
use crate::sys::beneath::Cause;
use crate::time::Now;

impl Files {
    /// Settings that have no effect, as the directory is now, a sentence each: a page that is not
    /// there, a directory that may not be read. For the log, when a server starts.
    ///
    /// ```
    /// use httprs::StatusCode;
    /// use httprs::handlers::files::Files;
    ///
    /// let files = Files::open("src")?.error_page(StatusCode::NOT_FOUND, "/404.html").unwrap();
    /// assert_eq!(
    ///     files.config_warnings(),
    ///     ["there is no /404.html for 404: the built-in page is sent until there is"]
    /// );
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn config_warnings(&self) -> Vec<String> {
        let mut store = self.store.borrow_mut();
        let mut find = |path: &[u8]| store.find(path, Now::default());
        let mut warnings = Vec::new();
        let page = find(b"/");
        match &page {
            Err(Cause::Forbidden) => {
                warnings.push("the directory may not be read: every request gets 403".into());
            }
            Err(_) if self.spa => warnings
                .push("there is no page for the application: its navigations get 404".to_owned()),
            _ => {}
        }
        for (status, path) in &self.error_pages {
            if !matches!(find(path), Ok(Found::File(source)) if source.plain.is_some()) {
                let path = String::from_utf8_lossy(path);
                warnings.push(format!(
                    "there is no {path} for {status}: the built-in page is sent until there is"
                ));
            }
        }
        let links = store.links;
        let mut rules = self.rules.borrow_mut();
        rules.refresh(store.new_root(Now::default().at), links, Now::default().at);
        warnings.extend(rules.warnings());
        // Of another time than that of requests.
        *rules = Rules::default();
        // The master must hold no files open.
        store.forget();
        warnings
    }

    /// The first name of [`Files::config_warnings`].
    #[doc(hidden)]
    pub fn doubts(&self) -> Vec<String> {
        self.config_warnings()
    }
}
