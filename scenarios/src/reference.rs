use std::sync::Arc;

use clf_core::{
    Capabilities, Error,
    data::{BatchOrder, Dataset, Samples, Split, Subset},
    task::{Prompt, Reference},
};

use crate::{description::ReferenceDescription, open::Location};

/// Opens as much of the reference data of a scenario as is needed.
pub(crate) fn open_reference(
    description: Option<&ReferenceDescription>,
    needs: Capabilities,
    location: &Location,
) -> Result<Option<Reference>, Error> {
    let Some(description) = description else { return Ok(None) };
    let mut class_prompts = Vec::new();
    let images = match &description.images {
        Some(locator) if needs.reference_images || needs.reference_classes => {
            let dataset = location.open(locator)?;
            class_prompts = prompts_of(&*dataset);
            Some(images_of(locator, &*dataset)?)
        }
        _ => None,
    };
    if needs.reference_classes && class_prompts.is_empty() {
        let reason = "the set has no class names; choose one that has with --reference-images, or other texts with \
                      --set hook.distill.texts=reference";
        return Err(Error::config("reference images", reason));
    }
    let mut texts = match &description.texts {
        Some(locator) if needs.reference_texts => texts_of(&*location.open(locator)?)?,
        _ => Vec::new(),
    };
    if let Some(limit) = description.texts_limit {
        texts.truncate(limit);
    }
    let names: Vec<&str> =
        [&description.images, &description.texts].into_iter().flatten().map(String::as_str).collect();
    Ok(Some(Reference { name: names.join(" + "), images, class_prompts, texts, order: BatchOrder::Shuffled }))
}

/// The training samples that have an image.
fn images_of(locator: &str, dataset: &dyn Dataset) -> Result<Arc<dyn Samples>, Error> {
    let samples = dataset.split(Split::Train)?;
    let (all, found) = (samples.len(), Subset::with_images(samples));
    if found.is_empty() {
        let reason = format!("none of its {all} samples has an image; choose another set with --reference-images");
        return Err(Error::config(format!("reference images {locator}"), reason));
    }
    tracing::info!("reference images {locator}: found {} of {all}", found.len());
    Ok(Arc::new(found))
}

/// The captions of a dataset; the training prompts of its classes if it has none.
fn texts_of(dataset: &dyn Dataset) -> Result<Vec<Prompt>, Error> {
    let samples = dataset.split(Split::Train)?;
    let captions: Vec<Prompt> =
        (0..samples.len()).filter_map(|index| samples.caption(index)).map(|text| text.to_owned().into()).collect();
    if !captions.is_empty() {
        return Ok(captions);
    }
    Ok(prompts_of(dataset))
}

/// The training prompt of every class; none without classes.
fn prompts_of(dataset: &dyn Dataset) -> Vec<Prompt> {
    let info = dataset.info();
    (0..info.class_names.len()).map(|class| info.prompt(0, class).into()).collect()
}
