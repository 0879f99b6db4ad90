use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use clf_core::{Error, store::RunStore};
use clf_logs::{StepLine, export_tensorboard, read_steps, write_csv};

use super::print;
use crate::{
    arguments::{ExportArguments, ExportFormat},
    paths, run_folders,
};

/// `clf export`.
pub fn export(arguments: &ExportArguments) -> Result<(), Error> {
    let run = &arguments.run;
    run_folders::check_each("export", &[run])?;
    match arguments.format {
        ExportFormat::Csv => csv(&read_steps(run)?, arguments.out.as_deref()),
        ExportFormat::Tensorboard => {
            if arguments.out.is_none() && RunStore::is_at_work(run) {
                let reason = "the run goes on and writes its event files itself; name another folder with --out";
                return Err(Error::config(run.display().to_string(), reason));
            }
            let out = arguments.out.clone().unwrap_or_else(|| run.join(paths::TENSORBOARD));
            export_tensorboard(run, &out)?;
            print(&format!("tensorboard --logdir {}", out.display()))
        }
    }
}

fn csv(steps: &[StepLine], out: Option<&Path>) -> Result<(), Error> {
    let Some(path) = out else {
        let mut stdout = BufWriter::new(io::stdout());
        return match write_csv(steps, &mut stdout).and_then(|()| stdout.flush()) {
            // A reader that went away is not an error.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::io("write", "stdout", error)),
            _ => Ok(()),
        };
    };
    let write = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let mut file = BufWriter::new(File::create(path)?);
        write_csv(steps, &mut file)?;
        file.flush()
    };
    write().map_err(|error| Error::io("write", path, error))?;
    print(&path.display().to_string())
}
