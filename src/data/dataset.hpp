// SPDX-License-Identifier: Apache-2.0
// Dataset is public.
#pragma once

#include "base/tensor.hpp"
#include "convoy/data.hpp"
