// SPDX-License-Identifier: Apache-2.0
// Dataset is public.
#pragma once

#include "convoy/base/tensor.hpp"
#include "convoy/data.hpp"
