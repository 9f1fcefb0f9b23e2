// SPDX-License-Identifier: Apache-2.0
// All that a program needs:
//
//   load_data, Dataset         data/    images and labels, by name or over memory of your own
//   load_model, parse_model    net/     a network and how to train it, from a TOML file or text
//   alone, mpi                 comm/    who takes part: this process alone, or the ranks of a job
//   make_engine                engine/  what computes: threads, and how work is divided among them;
//   a GPU Timeline, gather_timings   engine/  where the time of each worker went, for who asks
//   Trainer, Observer          train/   the run: epochs, metrics, checkpoints, resuming
//   Predictor                  train/   a trained checkpoint inside a program of your own
//   UserError, SystemError     base/    what is thrown when something is wrong
//   printable                  base/    names from files made safe to print
//
// examples/ex1.cpp walks through them; examples/ex1p.cpp is its twin for many ranks.
#pragma once

#include "convoy/base/check.hpp"
#include "convoy/base/clock.hpp"
#include "convoy/base/digest.hpp"
#include "convoy/base/machine.hpp"
#include "convoy/base/safe_text.hpp"
#include "convoy/base/suggest.hpp"
#include "convoy/base/tensor.hpp"
#include "convoy/base/version.hpp"
#include "convoy/comm/collectives.hpp"
#include "convoy/comm/communicator.hpp"
#include "convoy/data/catalog.hpp"
#include "convoy/data/dataset.hpp"
#include "convoy/data/order.hpp"
#include "convoy/engine/engine.hpp"
#include "convoy/engine/timings.hpp"
#include "convoy/net/model_file.hpp"
#include "convoy/net/net.hpp"
#include "convoy/train/agreement.hpp"
#include "convoy/train/checkpoint.hpp"
#include "convoy/train/data_fit.hpp"
#include "convoy/train/observer.hpp"
#include "convoy/train/predictor.hpp"
#include "convoy/train/schedule.hpp"
#include "convoy/train/shared_data.hpp"
#include "convoy/train/trainer.hpp"
