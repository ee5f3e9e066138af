/**
 * Which driver runs XDP programs by itself (native) and hands frames over without a copy (zero-copy), and since which
 * kernel. Where the kernel can be asked (`xdp-loader features`, from xdp-tools 1.4 on), its answer counts instead.
 *
 * @module
 */

/** Kernel versions, `[major, minor]`. */
export interface DriverSupport {
  /** XDP programs run in the driver since. */
  native: [number, number];
  /** AF_XDP without a copy since; absent: never seen. */
  zeroCopy?: [number, number];
}

/** Driver names as `ethtool -i` has them. */
export const DRIVERS: Record<string, DriverSupport | undefined> = {
  atlantic: { native: [5, 19] },
  bnxt_en: { native: [4, 11] },
  bonding: { native: [5, 15] },
  ena: { native: [5, 6] },
  fec: { native: [6, 2] },
  fsl_dpaa2_eth: { native: [5, 0], zeroCopy: [6, 2] },
  fsl_enetc: { native: [5, 13] },
  funeth: { native: [5, 18] },
  gve: { native: [6, 4], zeroCopy: [6, 4] },
  hv_netvsc: { native: [5, 6] },
  i40e: { native: [4, 13], zeroCopy: [4, 20] },
  ice: { native: [5, 5], zeroCopy: [5, 5] },
  igb: { native: [5, 10], zeroCopy: [6, 14] },
  igc: { native: [5, 13], zeroCopy: [5, 14] },
  ionic: { native: [6, 9] },
  ixgbe: { native: [4, 12], zeroCopy: [4, 20] },
  ixgbevf: { native: [4, 17] },
  lan966x: { native: [6, 2] },
  mana: { native: [5, 17] },
  mlx4_en: { native: [4, 8] },
  mlx5_core: { native: [4, 9], zeroCopy: [5, 3] },
  mvneta: { native: [5, 5] },
  mvpp2: { native: [5, 9] },
  nfp: { native: [4, 10], zeroCopy: [5, 18] },
  nicvf: { native: [4, 12] },
  qede: { native: [4, 10] },
  rvu_nicpf: { native: [5, 16] },
  sfc: { native: [5, 5] },
  st_gmac: { native: [5, 13], zeroCopy: [5, 13] },
  tsnep: { native: [6, 3], zeroCopy: [6, 4] },
  tun: { native: [4, 14] },
  veth: { native: [4, 19] },
  vif: { native: [5, 9] },
  virtio_net: { native: [4, 10], zeroCopy: [6, 11] },
  vmxnet3: { native: [6, 6] },
};
