use std::sync::Arc;

use clf_clip::Clip;
use serde::{Deserialize, Serialize};

use super::distill::StreamTransform;
use crate::{
    capabilities::Capabilities,
    cost::Kept,
    data::{BatchOrder, Concat, Samples, Stream, Subset},
    error::Error,
    herding::{herd, positions_among_the_rest},
    hook::RegularizerHook,
    passes,
    state::{Past, State},
    task::TaskContext,
};

/// When images of a task are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Update {
    /// After it is learned, with the model that it leaves behind.
    AfterTask,
    /// Before it is learned, with the model that it finds: the memory holds images of the current task as well (reference,
    /// class-incremental code).
    BeforeTask,
}

/// How many images of a task are chosen, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// Every task has an equal share of the memory, filled by herding.
    Herding,
    /// As the published code: of the first task the first images, of task `t` as many as the old shares leave of an
    /// otherwise empty memory (`size - size / t`), and not the images that were picked (see
    /// [`positions_among_the_rest`]).
    Published,
}

/// A memory of images of earlier tasks, the stream `memory` (iCaRL, Rebuffi et al. 2017, arXiv 1611.07725).
///
/// Images are chosen by herding on unit features over a whole task, not class by class, as in the ZSCL reference code.
/// The memory is read in stored order, batch after batch.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Exemplars {
    /// Images in the memory.
    pub size: usize,
    /// Only the first so many images of a task are looked at.
    pub scan: usize,
    /// When images are chosen.
    pub update: Update,
    /// Which images are chosen.
    pub selection: Selection,
    /// Transform of images, when they are chosen and when they are read.
    pub transform: StreamTransform,
    #[serde(skip)]
    pools: Vec<Pool>,
}

/// What is kept of one task.
struct Pool {
    task: usize,
    samples: Arc<dyn Samples>,
    picks: Vec<usize>,
}

impl Exemplars {
    /// Chooses images of the task, with `model`, and gives up some of the earlier ones.
    fn update(&mut self, task: &TaskContext<'_>, model: &Clip) -> Result<(), Error> {
        let tasks = self.pools.len() + 1;
        let share = self.size / tasks;
        let published = self.selection == Selection::Published;
        let first = tasks == 1;
        let count = if published && !first { self.size - share } else { share };
        let samples = task.task.train.clone();
        let candidates: Vec<usize> = (0..samples.len().min(self.scan)).collect();
        let picks = if published && first && self.update == Update::AfterTask {
            candidates.into_iter().take(count).collect()
        } else {
            let augment = self.transform.augment(task.settings.augment);
            let features = passes::image_features(model, &samples, &candidates, augment, task.key())?;
            let width = features.dims()[1];
            let features = features.try_into_vec_as::<f32>().map_err(|error| Error::Device(error.to_string()))?;
            let picks = herd(&features, width, count);
            if published { positions_among_the_rest(&picks) } else { picks }
        };
        self.pools.iter_mut().for_each(|pool| pool.picks.truncate(share));
        self.pools.push(Pool { task: task.task_id, samples, picks });
        Ok(())
    }
}

impl RegularizerHook for Exemplars {
    fn config(&self) -> &dyn erased_serde::Serialize {
        self
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { provides_memory: true, ..Capabilities::default() }
    }

    fn check(&self) -> Result<(), Error> {
        if self.size == 0 || self.scan == 0 {
            return Err(Error::config("hook.exemplars", "size and scan must be 1 or more"));
        }
        Ok(())
    }

    fn begin_task(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        match self.update {
            Update::BeforeTask => self.update(task, task.student),
            Update::AfterTask => Ok(()),
        }
    }

    fn streams(&self, task: &TaskContext<'_>) -> Result<Vec<Stream>, Error> {
        let parts = self
            .pools
            .iter()
            .map(|pool| -> Arc<dyn Samples> { Arc::new(Subset::of_indices(pool.samples.clone(), &pool.picks)) });
        Ok(vec![Stream {
            name: Stream::MEMORY,
            samples: Arc::new(Concat::new(parts.collect())),
            order: BatchOrder::Stored,
            batch_size: task.settings.reference_batch_size,
            augment: self.transform.augment(task.settings.augment),
            key: task.key(),
        }])
    }

    fn task_left(&mut self, task: &TaskContext<'_>) -> Result<(), Error> {
        match self.update {
            Update::BeforeTask => Ok(()),
            Update::AfterTask => self.update(task, task.student),
        }
    }

    fn save(&self) -> Result<State, Error> {
        let pools: Vec<(usize, &[usize])> = self.pools.iter().map(|pool| (pool.task, pool.picks.as_slice())).collect();
        State::default().with_value("pools", &pools)
    }

    fn kept(&self) -> Result<Kept, Error> {
        Ok(Kept { images: self.pools.iter().map(|pool| pool.picks.len() as u64).sum(), ..Kept::default() })
    }

    fn load(&mut self, state: &State, past: &Past<'_>) -> Result<(), Error> {
        let pools: Vec<(usize, Vec<usize>)> = state.value("pools")?;
        let unknown =
            |task| Error::config("hook.exemplars", format!("the saved memory is of task {task}, which is not known"));
        let pool = |(task, picks): (usize, Vec<usize>)| {
            let samples = past.tasks.get(task).ok_or_else(|| unknown(task))?.train.clone();
            Ok(Pool { task, samples, picks })
        };
        self.pools = pools.into_iter().map(pool).collect::<Result<_, Error>>()?;
        Ok(())
    }
}

crate::register_hook! {
    name: "exemplars",
    summary: "Keeps images of earlier tasks, chosen by herding.",
    paper: "Rebuffi et al. 2017, arXiv 1611.07725, algorithms 3 to 5",
    defaults: "# Numbers of the ZSCL reference code for MTIL.\nsize = 10000\nscan = 30000\n# after-task or before-task.\n\
               update = \"after-task\"\n# herding or published.\nselection = \"herding\"\n# test or train.\ntransform = \"test\"\n",
    hook: Exemplars,
}
