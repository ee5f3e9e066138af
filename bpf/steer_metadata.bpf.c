// SPDX-License-Identifier: MIT
/*
 * steer.bpf.c with the NIC's receive stamp. A program of its own, because it can only be loaded for one
 * interface (BPF_F_XDP_DEV_BOUND_ONLY) and into kernels that have the function (6.3). See
 * Documentation/networking/xdp-rx-metadata.rst.
 */
#define STEER_METADATA
#include "steer.bpf.c"
