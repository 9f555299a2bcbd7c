//! [`Spares`]: buffers between uses. A link holds some only while bytes are in them, so thousands
//! of idle connections cost none.

use std::mem;

use crate::process::{Input, Output};

/// Buffers that grew beyond this are not kept for others.
const LARGEST_SPARE: usize = 256 * 1024;
/// How many spare buffers a worker keeps.
const SPARES: usize = 32;

/// Buffers without a user.
#[derive(Debug, Default)]
pub struct Spares {
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<Output>,
}

impl Spares {
    /// Gives buffers to who has none.
    pub fn lend(&mut self, input: &mut Input, output: &mut Output) {
        if !input.has_buffer()
            && let Some(spare) = self.inputs.pop()
        {
            *input = spare;
        }
        if !output.has_buffer()
            && let Some(spare) = self.outputs.pop()
        {
            *output = spare;
        }
    }

    /// Takes those that are not in use.
    pub fn take_back(&mut self, input: &mut Input, output: &mut Output) {
        if input.is_empty() && input.has_buffer() {
            let input = mem::take(input);
            if self.inputs.len() < SPARES && input.capacity() <= LARGEST_SPARE {
                self.inputs.push(input);
            }
        }
        if output.is_empty() && output.has_buffer() {
            let output = mem::take(output);
            if self.outputs.len() < SPARES && output.capacity() <= LARGEST_SPARE {
                self.outputs.push(output);
            }
        }
    }
}
