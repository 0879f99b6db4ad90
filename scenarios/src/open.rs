use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clf_core::{
    Capabilities, Error, Scenario, ScenarioHead,
    data::{DataFolder, Dataset, DatasetError},
    registry::{self, ScenarioEntry},
    task::Prompt,
};

use crate::{
    class_incremental::ClassIncremental,
    description::{Description, Procedure},
    limits::Limits,
    mtil::Mtil,
    reference::open_reference,
};

/// What takes the place of a dataset that is not there, given its locator; nothing where that would not do.
pub type StandIn = fn(&str) -> Option<Arc<dyn Dataset>>;

/// Where the data of a scenario is looked for.
pub(crate) struct Location {
    /// Where named datasets are.
    pub data: DataFolder,
    /// Start of relative paths in locators.
    pub base: PathBuf,
    /// How much of the data is used.
    pub limits: Limits,
    /// What takes the place of datasets that are not there.
    pub stand_in: StandIn,
    /// What is open already, by locator.
    pub opened: RefCell<BTreeMap<String, Arc<dyn Dataset>>>,
}

impl Location {
    /// Opens a dataset, once however often it is asked for.
    pub(crate) fn open(&self, locator: &str) -> Result<Arc<dyn Dataset>, Error> {
        if let Some(dataset) = self.opened.borrow().get(locator) {
            return Ok(dataset.clone());
        }
        let dataset = match registry::open_dataset(locator, &self.base, &self.data) {
            Err(Error::Data(error @ DatasetError::Missing { .. })) => (self.stand_in)(locator).ok_or(error)?,
            opened => opened?,
        };
        self.opened.borrow_mut().insert(locator.to_owned(), dataset.clone());
        Ok(dataset)
    }

    /// Refuses to begin where datasets are missing, and names all of them at once.
    fn check_all_there<'a>(&self, locators: impl Iterator<Item = &'a str>) -> Result<(), Error> {
        let (mut missing, mut first): (Vec<String>, Option<Error>) = (Vec::new(), None);
        for locator in locators {
            match self.open(locator) {
                Err(Error::Data(error @ DatasetError::Missing { .. })) => {
                    missing.push(locator.to_owned());
                    first.get_or_insert(error.into());
                }
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        missing.sort();
        missing.dedup();
        match first {
            Some(_) if missing.len() > 1 => {
                Err(DatasetError::SeveralMissing { names: missing, path: self.data.path.clone() }.into())
            }
            Some(first) => Err(first),
            None => Ok(()),
        }
    }
}

/// A scenario that was read but whose data is not open yet.
pub struct ScenarioFile {
    head: ScenarioHead,
    text: String,
    description: Description,
    base: PathBuf,
    limits: Limits,
}

impl ScenarioFile {
    /// Reads a scenario by name, or from a TOML file if `name` ends with `.toml`.
    ///
    /// # Errors
    ///
    /// When the name is unknown, the file cannot be read or the TOML is wrong.
    pub fn read(name: &str) -> Result<Self, Error> {
        let (id, text, base) = if Path::new(name).extension().is_some_and(|extension| extension == "toml") {
            let path = Path::new(name);
            let text = fs::read_to_string(path).map_err(|error| Error::io("read the scenario", path, error))?;
            let id = path.file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned());
            (id, text, path.parent().unwrap_or(Path::new("")).to_owned())
        } else {
            (name.to_owned(), registry::find::<ScenarioEntry>(name)?.toml.to_owned(), PathBuf::new())
        };
        let mut description: Description =
            toml::from_str(&text).map_err(|error| Error::config(format!("scenario {name}"), error.to_string()))?;
        let mut settings = toml::Table::new();
        for (key, table) in [
            ("train", &mut description.train),
            ("eval", &mut description.eval),
            ("hook", &mut description.hook),
            ("methods", &mut description.methods),
        ] {
            settings.insert(key.to_owned(), toml::Value::Table(std::mem::take(table)));
        }
        let procedure = match description.procedure {
            Procedure::Mtil { .. } => "mtil",
            Procedure::ClassIncremental(_) => "class-incremental",
        };
        let head = ScenarioHead { name: id, procedure: procedure.to_owned(), settings, ..ScenarioHead::default() };
        Ok(Self { head, text, description, base, limits: Limits::default() }.with_reference(None, None))
    }

    /// Replaces reference images or texts; relative paths start at the working folder.
    #[must_use]
    pub fn with_reference(mut self, images: Option<String>, texts: Option<String>) -> Self {
        let reference = self.description.reference.get_or_insert_default();
        if let Some(images) = images {
            reference.images = Some(absolute(&images));
        }
        if let Some(texts) = texts {
            reference.texts = Some(absolute(&texts));
            // The limit is for the scenario's own texts.
            reference.texts_limit = None;
        }
        self.head.reference_images = reference.images.is_some();
        self.head.reference_texts = reference.texts.is_some();
        self
    }

    /// Uses a part of the data only; the name of the scenario says so from then on.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.head.name += &limits.suffix();
        self.limits = limits;
        self
    }

    /// The model that the scenario is meant for.
    pub fn model(&self) -> Option<&str> {
        self.description.model.as_deref()
    }

    /// Its name, without what limits add to it.
    pub fn id(&self) -> &str {
        let name = &self.head.name;
        name.strip_suffix(&self.limits.suffix()).unwrap_or(name)
    }

    /// The TOML that was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where relative paths in it start.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// All datasets that it names.
    pub fn datasets(&self) -> Vec<&str> {
        let all = Capabilities { reference_images: true, reference_texts: true, ..Capabilities::default() };
        self.locators(all).collect()
    }

    /// What is known without the data.
    pub fn head(&self) -> &ScenarioHead {
        &self.head
    }

    /// Opens all data, that for reference only if `needs` says so.
    ///
    /// # Errors
    ///
    /// When data is missing or damaged, or does not fit the scenario.
    pub fn open(&self, data: &DataFolder, needs: Capabilities) -> Result<Box<dyn Scenario>, Error> {
        self.open_with(data, needs, |_| None)
    }

    /// As [`ScenarioFile::open`], with `stand_in` for datasets that are not there.
    ///
    /// # Errors
    ///
    /// When data is damaged or does not fit the scenario, or is missing and nothing stands in for it.
    pub fn open_with(
        &self,
        data: &DataFolder,
        needs: Capabilities,
        stand_in: StandIn,
    ) -> Result<Box<dyn Scenario>, Error> {
        let (base, opened) = (self.base.clone(), RefCell::default());
        let location = Location { data: data.clone(), base, limits: self.limits, stand_in, opened };
        location.check_all_there(self.locators(needs))?;
        let name = self.head.name.clone();
        let reference = open_reference(self.description.reference.as_ref(), needs, &location)?;
        Ok(match &self.description.procedure {
            Procedure::Mtil { tasks, shots } => Box::new(Mtil::open(name, tasks, *shots, reference, &location)?),
            Procedure::ClassIncremental(increments) => {
                Box::new(ClassIncremental::open(name, increments, reference, &location)?)
            }
        })
    }
}

impl ScenarioFile {
    /// All datasets that a run with these `needs` opens, by name or locator.
    pub fn locators(&self, needs: Capabilities) -> impl Iterator<Item = &str> {
        let of_tasks: Vec<&str> = match &self.description.procedure {
            Procedure::Mtil { tasks, .. } => tasks.iter().map(|task| task.dataset.as_str()).collect(),
            Procedure::ClassIncremental(increments) => vec![&increments.dataset],
        };
        let reference = self.description.reference.as_ref();
        let images = reference.and_then(|reference| reference.images.as_deref());
        let texts = reference.and_then(|reference| reference.texts.as_deref());
        let needed = [
            images.filter(|_| needs.reference_images || needs.reference_classes),
            texts.filter(|_| needs.reference_texts),
        ];
        of_tasks.into_iter().chain(needed.into_iter().flatten())
    }
}

/// A locator whose path no longer depends on where the scenario file lies.
fn absolute(locator: &str) -> String {
    match locator.split_once(':') {
        Some(("mini", _)) | None => locator.to_owned(),
        Some((reader, path)) => match std::path::absolute(path) {
            Ok(path) => format!("{reader}:{}", path.display()),
            Err(_) => locator.to_owned(),
        },
    }
}

/// The prompts of `classes` under every template, `[class][template]`.
pub(crate) fn prompts(templates: &[String], classes: &[String]) -> Vec<Vec<Prompt>> {
    let of = |class: &String| templates.iter().map(|template| template.replace("{}", class).into()).collect();
    classes.iter().map(of).collect()
}

/// Refuses templates that would give every class the same prompt.
pub(crate) fn check_templates(place: &str, templates: &[String]) -> Result<(), Error> {
    if templates.is_empty() {
        return Err(Error::config(place, "there are no prompt templates"));
    }
    match templates.iter().find(|template| !template.contains("{}")) {
        Some(template) => Err(Error::config(place, format!("the template {template:?} has no {{}} for the class"))),
        None => Ok(()),
    }
}
