/* SPDX-License-Identifier: Apache-2.0
 *
 * What the loader's checks use of the kernel, for user space. None of it is the kernel's text. Whatever no
 * check depends on does nothing here; what one does depend on behaves as there, 32-bit wraps included.
 */
#ifndef ORACLE_KERNEL_H
#define ORACLE_KERNEL_H

#include <errno.h>
#include <linux/elf.h>
#include <linux/types.h>
#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef u64 dma_addr_t;
typedef u64 phys_addr_t;
typedef u32 phandle;
typedef int irqreturn_t;
typedef int atomic_t;
typedef int spinlock_t;

#define __packed __attribute__((packed))
#define __iomem
#define __printf(format, first)
#define EXPORT_SYMBOL(name)
#define GFP_KERNEL 0
#define PLATFORM_DEVID_AUTO (-2)
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define DECLARE_BITMAP(name, bits) unsigned long name[1]
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* Keeps the width of its argument, so that a size of 32 bits wraps as it does there. */
#define PAGE_ALIGN(size) (((size) + (__typeof__(size))4095) & ~(__typeof__(size))4095)

static inline size_t size_add(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

static inline size_t size_mul(size_t a, size_t b)
{
    size_t product;
    return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

#define struct_size(pointer, member, count) \
    size_add(size_mul(sizeof((pointer)->member[0]), (count)), offsetof(__typeof__(*(pointer)), member))

#define ERR_PTR(error) ((void *)(long)(error))
#define PTR_ERR(pointer) ((int)(long)(pointer))
#define IS_ERR(pointer) ((unsigned long)(pointer) >= (unsigned long)-4095)

struct list_head {
    struct list_head *next, *prev;
};

static inline void list_init(struct list_head *head)
{
    head->next = head->prev = head;
}

static inline void list_add_tail(struct list_head *node, struct list_head *head)
{
    node->next = head;
    node->prev = head->prev;
    head->prev->next = node;
    head->prev = node;
}

#define list_for_each_entry(position, head, member) \
    for ((position) = container_of((head)->next, __typeof__(*(position)), member); \
         &(position)->member != (head); \
         (position) = container_of((position)->member.next, __typeof__(*(position)), member))

struct mutex {
    int unused;
};
struct work_struct {
    int unused;
};
struct cdev {
    int unused;
};
struct completion {
    int unused;
};
struct idr {
    int next;
};
struct kref;
struct dentry;
struct iommu_domain;
struct virtqueue;

struct device {
    struct device *parent;
    void *platform_data;
    void *driver_data;
};

struct platform_device {
    struct device dev;
};

struct firmware {
    size_t size;
    const u8 *data;
};

static inline bool test_bit(unsigned bit, const unsigned long *bits)
{
    return bits[0] >> bit & 1;
}

static inline void set_bit(unsigned bit, unsigned long *bits)
{
    bits[0] |= 1ul << bit;
}

/* Every boot gets its memory from here and gives it back at once. */
void *oracle_alloc(size_t size);
void *oracle_copy_table(const void *table, size_t size);

#define kzalloc(size, flags) oracle_alloc(size)
#define devm_kzalloc(dev, size, flags) oracle_alloc(size)
#define kmemdup(source, size, flags) oracle_copy_table(source, size)

/* Errors are what a boot says; the rest is too, but nothing that a check decides. */
void oracle_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define dev_err(dev, ...) oracle_log(__VA_ARGS__)
#define dev_warn(dev, ...) ((void)(dev))
#define dev_dbg(dev, ...) ((void)(dev))

/* The target: an IOMMU that maps what it is told, ids from 0 upwards, memory that comes after the checks. */
#define iommu_map(...) 0
#define rproc_alloc_carveout NULL
#define rproc_release_carveout NULL
#define rproc_vdev_do_start NULL
#define rproc_vdev_do_stop NULL
#define idr_alloc(idr, pointer, ...) ((idr)->next++)
#define idr_remove(idr, id) ((void)(id))
#define copy_dma_range_map(to, from) 0
#define get_dma_ops(dev) NULL
#define set_dma_ops(dev, ops) ((void)(dev))
#define dma_get_mask(dev) 0ull
#define dma_coerce_mask_and_coherent(dev, mask) 0
#define get_device(dev) (dev)
#define platform_set_drvdata(pdev, data) ((pdev)->dev.driver_data = (data))

struct platform_device *oracle_register(struct device *parent, const void *data, size_t size);

#define platform_device_register_data(parent, name, id, data, size) oracle_register(parent, data, size)

/* Segments are not copied: whether their bytes could be read is what is asked. */
void oracle_read_file(const void *source, size_t size);

#define memcpy_toio(to, source, size) oracle_read_file(source, size)
#define memset_io(to, value, size) ((void)(to))

/* In place of vsnprintf. */
int oracle_name(char *buffer, size_t size, const char *format, va_list values);

#endif
