// SPDX-License-Identifier: Apache-2.0
// The class Dataset is declared in the public header.
#pragma once

#include "base/tensor.hpp"
#include "convoy/data.hpp"
