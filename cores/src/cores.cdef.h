// SPDX-License-Identifier: Apache-2.0
// include: <ecusdk/handover.h>
// include: "rp_spawn.h"
// include: "rp_library.h"
// include: "rp_pycore.h"

/* ---- ecusdk/handover.h: the compiler compares each field ---- */

#define ECU_CTL_MAGIC ...
#define ECU_CTL_MAJOR ...
#define ECU_CTL_MINOR ...
#define ECU_CTL_SIZE_MAX ...
#define ECU_CTL_TEXT_MAX ...
#define ECU_CTL_NAME_SIZE ...
#define ECU_CTL_REGIONS_MAX ...

enum ecu_ctl_type {
    ECU_CTL_HELLO,
    ECU_CTL_READY,
    ECU_CTL_ERROR,
    ECU_CTL_STEP,
    ECU_CTL_STEPPED,
    ECU_CTL_RESET,
    ECU_CTL_RESET_DONE,
    ECU_CTL_DETACH,
    ECU_CTL_STOP,
    ECU_CTL_STOPPED,
    ECU_CTL_HEARTBEAT,
    ECU_CTL_FAULT,
    ...
};

enum ecu_ctl_mode { ECU_CTL_REAL_TIME, ECU_CTL_VIRTUAL_TIME, ... };

struct ecu_ctl_head {
    uint32_t size;
    uint32_t type;
};

struct ecu_ctl_region {
    uint64_t da;
    uint64_t size;
    uint64_t offset;
    uint32_t fd;
    uint32_t reserved;
};

struct ecu_ctl_hello {
    struct ecu_ctl_head head;
    uint32_t magic;
    uint16_t major;
    uint16_t minor;
    uint32_t mode;
    uint32_t num_regions;
    uint64_t control_offset;
    uint64_t table_da;
    uint32_t table_size;
    uint32_t reserved;
    char name[64];
    struct ecu_ctl_region regions[64];
};

struct ecu_ctl_text {
    struct ecu_ctl_head head;
    int32_t error;
    uint32_t length;
    char text[1024];
};

struct ecu_ctl_time {
    struct ecu_ctl_head head;
    uint64_t now_ns;
    uint64_t next_ns;
};

struct ecu_ctl_fault {
    struct ecu_ctl_head head;
    int32_t signal;
    uint32_t num_registers;
    uint64_t fault_va;
    uint64_t registers[64];
};

/* ---- rp_spawn.h ---- */

enum rp_spawn_stage {
    RP_SPAWN_CLONE,
    RP_SPAWN_NAMESPACE,
    RP_SPAWN_MOUNT,
    RP_SPAWN_SESSION,
    RP_SPAWN_LIMITS,
    RP_SPAWN_DESCRIPTORS,
    RP_SPAWN_CWD,
    RP_SPAWN_EXEC
};

struct rp_spawn {
    const char *path;
    char **argv;
    char **envp;
    const char *cwd;
    int control;
    int out;
    int err;
    int strict;
    uint64_t max_descriptors;
    int pid;
    int pidfd;
    int stage;
};

#define RP_SPAWN_CONTROL_FD ...

int rp_spawn(struct rp_spawn *spawn);

/* ---- rp_library.h ---- */

enum rp_library_stage {
    RP_LIBRARY_OPEN,
    RP_LIBRARY_SYMBOL,
    RP_LIBRARY_REFUSED,
    RP_LIBRARY_ABI,
    RP_LIBRARY_RUN
};

struct rp_library;

struct rp_library *rp_library_start(int copy, int control, int log_fd, int *error);
int rp_library_done_fd(const struct rp_library *library);
int rp_library_result(const struct rp_library *library, int *stage, uint32_t *abi, const char **text);
int rp_library_join(struct rp_library *library);
int rp_library_tid(const struct rp_library *library);
uint32_t rp_library_host_abi(void);

/* ---- rp_pycore.h ---- */

struct rp_pycore;

struct rp_pycore_message {
    uint32_t endpoint;
    uint32_t src;
    uint32_t len;
};

struct rp_pycore *rp_pycore_open(int control, int log_fd, int *error);
void rp_pycore_close(struct rp_pycore *core);
const char *rp_pycore_name(const struct rp_pycore *core);
int rp_pycore_endpoint(struct rp_pycore *core, const char *name, uint32_t addr, uint32_t dst);
int rp_pycore_endpoint_close(struct rp_pycore *core, uint32_t endpoint);
uint32_t rp_pycore_addr(const struct rp_pycore *core, uint32_t endpoint);
uint32_t rp_pycore_dst(const struct rp_pycore *core, uint32_t endpoint);
uint32_t rp_pycore_mtu(const struct rp_pycore *core);
int rp_pycore_ready(struct rp_pycore *core);
int rp_pycore_error(struct rp_pycore *core, int error, const char *text);
int rp_pycore_stopped(struct rp_pycore *core);
int rp_pycore_reset_done(struct rp_pycore *core);
int64_t rp_pycore_wait(struct rp_pycore *core, uint64_t deadline_ns);
int rp_pycore_take(struct rp_pycore *core, struct rp_pycore_message *message, void *data, size_t size);
int rp_pycore_send(struct rp_pycore *core, uint32_t endpoint, uint32_t dst, const void *data, size_t len,
                   uint64_t deadline_ns);

enum {
    RP_PYCORE_LINK,
    RP_PYCORE_RESET,
    RP_PYCORE_STOP,
    RP_PYCORE_HANGUP,
    RP_PYCORE_STEP,
    RP_PYCORE_MESSAGES,
    RP_PYCORE_MAX_LEN,
    ...
};
