// SPDX-License-Identifier: Apache-2.0
// PNG by libpng (ISO/IEC 15948), and the orientation of its chunk eXIf. Other chunks that do not
// decide the pixels (colour profiles, texts) are skipped unread; what follows IEND is ignored.
#pragma once

#include "data/picture/decoder.hpp"
