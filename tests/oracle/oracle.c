/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux's loader says to a firmware file, in user space. <loader.c> is cut out of a kernel's source when
 * this is built (linux_source.py); here is the machine that it believes to boot.
 *
 * Reads queries until its input ends and writes one answer for each: the structures below, native order.
 *
 * Kernels read where the file is not. So each query runs twice: with nothing behind the file, which shows that
 * they do, and with nothing before it and zeros behind, what they would most likely find: that is the answer.
 */
#define _GNU_SOURCE
#include "kernel.h"

#define vsnprintf oracle_name
#include <loader.c>
#undef vsnprintf

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    FILE_MAX = 8 << 20,  /* bytes of a file */
    TABLE_MAX = 4 << 20, /* slab.h: KMALLOC_MAX_SIZE, with pages of 4 KiB */
    REGIONS_MAX = 16,
    GUARD = 1 << 20,     /* bytes before the file that nobody may read */
    LOG_BYTES = 100,
};
/* What is decided about the bytes behind the file holds as far as the offsets of an ELF32 file reach: a
 * section's and a name's, 32 bits each. */
static const size_t REACH = 9ull << 30;

enum query_kind { ASK_IMAGE, ASK_REGION };

enum {
    READS_BEHIND = 1 << 0,   /* until the verdict, the kernel read behind the file */
    READS_ANYWHERE = 1 << 1, /* and even out of the zeros, or before the file: there is no verdict */
    LOAD_READS_BEHIND = 1 << 2,
    LOAD_READS_ANYWHERE = 1 << 3,
};

struct region {
    uint32_t da, size;
    char name[32];
};

struct query {
    uint32_t kind, iommu, regions, size; /* followed by the regions and the bytes of the file */
};

enum stage { STAGE_SANITY, STAGE_TABLE, STAGE_RESOURCES, STAGE_ACCEPTED };

struct answer {
    uint32_t stage;     /* where the boot ended */
    int32_t error;      /* positive errno, or 0 */
    uint32_t flags;     /* of the two runs */
    uint32_t lost;      /* one bit for each vdev whose probe failed, from the first */
    int32_t load_error; /* errno of the segment loader */
    char log[LOG_BYTES];      /* the line of the refusal, empty where the kernel says nothing */
    char lost_log[LOG_BYTES]; /* of the first lost vdev */
    char load_log[LOG_BYTES];
};

static struct {
    struct answer answer;
    struct query query;
    struct region regions[REGIONS_MAX];
    const u8 *file;
    char *log; /* where a line goes, if it is the first */
    void *allocated;
    const char *table; /* the host's copy */
    size_t table_bytes;
    sigjmp_buf fault;
} boot;

void *oracle_alloc(size_t size)
{
    void **block = calloc(1, sizeof(void *) + size);
    if (block == NULL)
        abort();
    *block = boot.allocated;
    boot.allocated = block;
    return block + 1;
}

static void free_all(void)
{
    while (boot.allocated != NULL) {
        void *next = *(void **)boot.allocated;
        free(boot.allocated);
        boot.allocated = next;
    }
}

/* rproc_handle_vdev reads the counts of a vdev before it looks whether they are there, so behind the table's
 * end; whatever stands there, the entry is truncated. Anything more is one for the sanitizer. */
void *oracle_copy_table(const void *table, size_t size)
{
    char *copy;
    if (size > TABLE_MAX)
        return NULL;
    copy = oracle_alloc(size + sizeof(struct fw_rsc_vdev));
    memcpy(copy, table, size);
    boot.table = copy;
    boot.table_bytes = size;
    return copy;
}

void oracle_log(const char *format, ...)
{
    va_list values;
    if (boot.log[0] != '\0')
        return;
    va_start(values, format);
    vsnprintf(boot.log, LOG_BYTES, format, values);
    va_end(values);
    boot.log[strcspn(boot.log, "\n")] = '\0';
}

void oracle_read_file(const void *source, size_t size)
{
    const u8 *begin = source;
    const u8 *end = boot.file + boot.query.size;
    if (begin < boot.file || begin > end || size > (size_t)(end - begin))
        siglongjmp(boot.fault, 1);
}

/* The table's names are given to the kernel's vsnprintf as formats, without values to print: what a % in one
 * becomes depends on the stack. Here a name is what it says, as far as the buffer goes. */
int oracle_name(char *buffer, size_t size, const char *format, va_list values)
{
    if (format < boot.table || format >= boot.table + boot.table_bytes)
        return vsnprintf(buffer, size, format, values);
    return snprintf(buffer, size, "%.*s", (int)size - 1, format);
}

/* The platform bus: the driver's probe runs at once, and nobody looks whether it failed. */
struct platform_device *oracle_register(struct device *parent, const void *data, size_t size)
{
    struct platform_device *device = oracle_alloc(sizeof(*device));
    const struct rproc_vdev_data *vdev = data;
    char *log = boot.log;
    int error;

    device->dev.parent = parent;
    device->dev.platform_data = memcpy(oracle_alloc(size), data, size);
    boot.log = boot.answer.lost_log;
    error = rproc_virtio_probe(device);
    boot.log = log;
    if (error != 0 && vdev->index < 32)
        boot.answer.lost |= 1u << vdev->index;
    return device;
}

static struct rproc_ops ops;

/* The probe hands these on; with no boot behind it nothing happens there. */
void rproc_add_subdev(struct rproc *rproc, struct rproc_subdev *subdev)
{
    (void)rproc;
    (void)subdev;
}

struct dentry *rproc_create_trace_file(const char *name, struct rproc *rproc, struct rproc_debug_trace *trace)
{
    (void)name;
    (void)rproc;
    (void)trace;
    return NULL;
}

/* All of the address space is the core's memory, somewhere outside this process. */
static void *memory_everywhere(struct rproc *rproc, u64 da, size_t size, bool *is_iomem)
{
    (void)rproc;
    (void)da;
    (void)size;
    *is_iomem = true;
    return (void *)1;
}

/* What a platform driver registers before the boot; with such regions they are all the memory there is, since
 * what the table asks for is allocated after the checks. */
static void prepare(struct rproc *rproc)
{
    memset(rproc, 0, sizeof(*rproc));
    boot.table_bytes = 0;
    list_init(&rproc->carveouts);
    list_init(&rproc->mappings);
    list_init(&rproc->traces);
    list_init(&rproc->rvdevs);
    list_init(&rproc->subdevs);
    rproc->ops = &ops;
    rproc->dev.parent = &rproc->dev;
    rproc->domain = boot.query.iommu ? (struct iommu_domain *)1 : NULL;
    ops.da_to_va = boot.query.regions == 0 ? memory_everywhere : NULL;
    for (u32 i = 0; i < boot.query.regions; i++) {
        struct region *region = &boot.regions[i];
        struct rproc_mem_entry *entry = rproc_mem_entry_init(&rproc->dev, (void *)1, 0, region->size,
                                                             region->da, NULL, NULL, "%s", region->name);
        entry->is_iomem = true;
        rproc_add_carveout(rproc, entry);
    }
}

/* rproc_fw_boot, as far as the checks go. */
static void run_checks(struct rproc *rproc, const struct firmware *file)
{
    int error;

    boot.answer.stage = STAGE_SANITY;
    error = rproc_elf_sanity_check(rproc, file);
    if (error == 0) {
        boot.answer.stage = STAGE_TABLE;
        error = rproc_elf_load_rsc_table(rproc, file);
    }
    if (error == 0) {
        boot.answer.stage = STAGE_RESOURCES;
        error = rproc_handle_resources(rproc, rproc_loading_handlers);
    }
    if (error == 0)
        boot.answer.stage = STAGE_ACCEPTED;
    boot.answer.error = -error;
}

static void run(const u8 *at, u32 reads_behind, u32 load_reads_behind)
{
    static struct rproc rproc;
    struct firmware file = {.size = boot.query.size, .data = at};

    boot.file = at;
    prepare(&rproc);
    boot.log = boot.answer.log;
    if (sigsetjmp(boot.fault, 1) != 0) {
        boot.answer.flags |= reads_behind;
    } else {
        run_checks(&rproc, &file);
        /* Also of a table that was refused: a report says what else is wrong. */
        if (boot.answer.stage > STAGE_SANITY) {
            boot.log = boot.answer.load_log;
            if (sigsetjmp(boot.fault, 1) != 0)
                boot.answer.flags |= load_reads_behind;
            else
                boot.answer.load_error = -rproc_elf_load_segments(&rproc, &file);
        }
    }
    free_all();
}

static u8 *memory_before_guard, *memory_behind_guard;

/* Returns a piece of the address space: nothing, or zeros to read. */
static u8 *reserve(size_t size, int protection)
{
    u8 *begin = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (begin == MAP_FAILED) {
        perror("oracle: mmap");
        exit(2);
    }
    return begin;
}

static void allow(u8 *begin, size_t size, int protection)
{
    if (mprotect(begin, size, protection) != 0) {
        perror("oracle: mprotect");
        exit(2);
    }
}

static void map_memory(void)
{
    u8 *before = reserve(FILE_MAX + REACH, PROT_NONE);
    u8 *behind = reserve(GUARD + REACH, PROT_READ);
    allow(before, FILE_MAX, PROT_READ | PROT_WRITE);
    allow(behind, GUARD, PROT_NONE);
    allow(behind + GUARD, FILE_MAX, PROT_READ | PROT_WRITE);
    memory_before_guard = before + FILE_MAX;
    memory_behind_guard = behind + GUARD;
}

static void ask_image(void)
{
    u8 *before = memory_before_guard - boot.query.size;
    struct answer only_file;

    run(memcpy(before, memory_behind_guard, boot.query.size), READS_BEHIND, LOAD_READS_BEHIND);
    only_file = boot.answer;
    memset(&boot.answer, 0, sizeof(boot.answer));
    run(memory_behind_guard, READS_ANYWHERE, LOAD_READS_ANYWHERE);
    /* Where nothing else was read, the place of the file cannot have mattered. */
    if (only_file.flags == boot.answer.flags && memcmp(&only_file, &boot.answer, sizeof(only_file)) != 0)
        abort();
    boot.answer.flags |= only_file.flags;
    memset(memory_behind_guard, 0, boot.query.size);
}

/* The first region is the registered one, the second is what the table asks for. */
static void ask_region(void)
{
    static struct rproc rproc;
    struct rproc_mem_entry entry = {.da = boot.regions[0].da, .len = boot.regions[0].size};

    boot.log = boot.answer.log;
    boot.answer.error = -rproc_check_carveout_da(&rproc, &entry, boot.regions[1].da, boot.regions[1].size);
}

static bool read_exactly(void *into, size_t size)
{
    return fread(into, 1, size, stdin) == size;
}

static void on_fault(int signal)
{
    (void)signal;
    siglongjmp(boot.fault, 1);
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};

    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    map_memory();
    while (read_exactly(&boot.query, sizeof(boot.query))) {
        memset(&boot.answer, 0, sizeof(boot.answer));
        if (boot.query.size > FILE_MAX || boot.query.regions > REGIONS_MAX ||
            !read_exactly(boot.regions, boot.query.regions * sizeof(struct region)) ||
            !read_exactly(memory_behind_guard, boot.query.size)) {
            fputs("oracle: a query that is too large or cut off\n", stderr);
            return 2;
        }
        if (boot.query.kind == ASK_REGION)
            ask_region();
        else
            ask_image();
        fwrite(&boot.answer, sizeof(boot.answer), 1, stdout);
        fflush(stdout); /* so that the last answer tells which query ended the program */
    }
    return 0;
}
