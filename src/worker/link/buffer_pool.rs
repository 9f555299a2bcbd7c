//! [`BufferPool`]: buffers between uses. A link holds some only while bytes are in them, so
//! thousands of idle connections cost none.

use std::mem;

use crate::process::{Input, Output};

/// Buffers that grew beyond this, in bytes, are not pooled.
const LARGEST: usize = 256 * 1024;
/// How many buffers of each kind a worker keeps.
const POOLED: usize = 32;

/// Buffers that no link holds.
#[derive(Debug, Default)]
pub struct BufferPool {
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Output>,
}

impl BufferPool {
    /// Gives buffers to a link that has none.
    pub fn acquire(&mut self, input: &mut Input, output: &mut Output) {
        if !input.has_buffer()
            && let Some(pooled) = self.inputs.pop()
        {
            *input = pooled;
        }
        if !output.has_buffer()
            && let Some(pooled) = self.outputs.pop()
        {
            *output = pooled;
        }
    }

    /// Takes back buffers that are empty.
    pub fn release(&mut self, input: &mut Input, output: &mut Output) {
        if input.is_empty() && input.has_buffer() {
            let input = mem::take(input);
            if self.inputs.len() < POOLED && input.capacity() <= LARGEST {
                self.inputs.push(input);
            }
        }
        if output.is_empty() && output.has_buffer() {
            let output = mem::take(output);
            if self.outputs.len() < POOLED && output.capacity() <= LARGEST {
                self.outputs.push(output);
            }
        }
    }
}
