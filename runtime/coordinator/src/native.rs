//! Programs that are part of the runtime: workflows that nobody deploys.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use reprise_engine::{BranchOptions, Digest, Operation, WorkflowName};
use reprise_host::{NativeProgram, Program};
use sha2::{Digest as _, Sha256};

/// A workflow of the runtime.
#[derive(Clone)]
pub struct Native {
    /// Its name. Nobody can deploy a component under it.
    pub name: WorkflowName,
    /// What it does; none where its executions are steered from outside.
    pub program: Option<Arc<dyn NativeProgram>>,
    /// How the sender of a prepared one is asked.
    pub question: Question,
}

/// From the input of a prepared execution and the question to its sender to the options of that.
pub type Question = fn(&[u8], &Operation) -> BranchOptions;

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Native").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All workflows of the runtime.
#[derive(Debug, Default)]
pub(crate) struct Natives {
    digests: HashMap<WorkflowName, Digest>,
    programs: HashMap<Digest, Arc<Program>>,
    questions: HashMap<Digest, Question>,
}

impl Natives {
    pub(crate) fn new(natives: Vec<Native>) -> Self {
        let mut all = Self::default();
        for Native { name, program, question } in natives {
            let digest = digest_of(&name);
            all.digests.insert(name, digest);
            all.questions.insert(digest, question);
            if let Some(program) = program {
                all.programs.insert(digest, Arc::new(Program::native(digest, program)));
            }
        }
        all
    }

    /// What its executions are pinned to; none if it is no workflow of the runtime.
    pub(crate) fn digest(&self, name: &WorkflowName) -> Option<Digest> {
        self.digests.get(name).copied()
    }

    /// Options of the question to the sender of a prepared execution with this input.
    pub(crate) fn question(&self, digest: Digest, input: &[u8], operation: &Operation) -> BranchOptions {
        self.questions.get(&digest).map(|question| question(input, operation)).unwrap_or_default()
    }

    pub(crate) fn program(&self, digest: Digest) -> Option<Arc<Program>> {
        self.programs.get(&digest).cloned()
    }
}

/// Stands where others have the SHA-256 of a component. The same for ever: journals name it.
fn digest_of(name: &WorkflowName) -> Digest {
    Digest::new(Sha256::digest(format!("reprise native program {name}")).into())
}
