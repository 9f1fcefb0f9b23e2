// SPDX-License-Identifier: Apache-2.0
/// @file
/// The whole public API. Nothing outside include/convoy belongs to it.
///
/// | header        | what it has                         | in one sentence                          |
/// | ------------- | ----------------------------------- | ---------------------------------------- |
/// | model.hpp     | Model, load_model, parse_model      | a network and how to train it, from TOML |
/// | settings.hpp  | TrainSettings                       | batch, epochs, learning rate ...         |
/// | optimizer.hpp | Optimizer, Sgd, Muon, Average ...   | what turns gradients into new weights    |
/// | data.hpp      | Dataset, TrainAndTest, load_data    | images, from files or from your memory   |
/// | train.hpp     | train, TrainOptions, Trainer        | from model and data to weights           |
/// | compute.hpp   | ComputeOptions, Device              | threads, GPU; never changes a weight     |
/// | observer.hpp  | Observer, EpochMetrics, Progress    | what a training reports while it runs    |
/// | result.hpp    | TrainResult, RunStatus, NamedTensor | what a training returns                  |
/// | stop.hpp      | StopSource                          | stop it from another thread              |
/// | session.hpp   | Session                             | the ranks of an MPI job, or one process  |
/// | predictor.hpp | Predictor, Prediction               | a checkpoint inside your program         |
/// | error.hpp     | Error, Fault, printable             | what is thrown, and how to print it      |
/// | shape.hpp     | Index, Label, Shape                 | sizes                                    |
/// | version.hpp   | CONVOY_VERSION_MAJOR ..., version   | which Convoy this is; what stays stable  |
///
/// examples/ex1.cpp is the tutorial, examples/ex1p.cpp is the same program on many ranks, and
/// examples/predict.cpp uses the trained weights. docs/api.md explains how the headers fit
/// together.
#pragma once

#include "convoy/compute.hpp"
#include "convoy/data.hpp"
#include "convoy/error.hpp"
#include "convoy/model.hpp"
#include "convoy/observer.hpp"
#include "convoy/optimizer.hpp"
#include "convoy/predictor.hpp"
#include "convoy/result.hpp"
#include "convoy/session.hpp"
#include "convoy/settings.hpp"
#include "convoy/shape.hpp"
#include "convoy/stop.hpp"
#include "convoy/train.hpp"
#include "convoy/version.hpp"
