// SPDX-License-Identifier: GPL-2.0-only
/* The driver's own source, built once more for the tests */
#include "../elm.c"
