# SPDX-License-Identifier: Apache-2.0
# ecusdk_add_ecu(NAME SOURCES file... [KINDS library process])
#
# Builds one ECU for each kind of core, by default for both, from the same sources:
#   library   libNAME.so, target NAME_library
#   process   NAME, a position-independent executable with the SDK's main(), target NAME_process
# Include directories and libraries of the ECU's own are added to these targets as to any other.
# The link fails when the image is larger than the carve-out that the resource table reserves for it.
include_guard(GLOBAL)

function(ecusdk_add_ecu name)
    # Asked for here: a variable beside the function would exist only in the first folder that finds the package.
    set(image_size_script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/image_size.ld)
    cmake_parse_arguments(PARSE_ARGV 1 ecu "" "" "SOURCES;KINDS")
    if(ecu_UNPARSED_ARGUMENTS OR NOT ecu_SOURCES)
        message(FATAL_ERROR "usage: ecusdk_add_ecu(NAME SOURCES file... [KINDS library process])")
    endif()
    if(NOT ecu_KINDS)
        set(ecu_KINDS library process)
    endif()
    foreach(kind IN LISTS ecu_KINDS)
        set(target ${name}_${kind})
        if(kind STREQUAL "library")
            add_library(${target} SHARED ${ecu_SOURCES})
            # A second copy in the same process must bind to its own globals and export the ABI alone.
            target_link_options(${target} PRIVATE -Wl,-Bsymbolic -Wl,--exclude-libs,ALL)
            target_link_libraries(${target} PRIVATE ecusdk::ecusdk)
        elseif(kind STREQUAL "process")
            add_executable(${target} ${ecu_SOURCES})
            target_link_options(${target} PRIVATE -pie)
            target_link_libraries(${target} PRIVATE ecusdk::posix ecusdk::ecusdk)
        else()
            message(FATAL_ERROR "ecusdk_add_ecu(${name}): no kind \"${kind}\", know library and process")
        endif()
        set_target_properties(${target} PROPERTIES
            OUTPUT_NAME ${name} C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON
            LINK_DEPENDS ${image_size_script})
        target_link_options(${target} PRIVATE -Wl,-u,ecu_get_ops ${image_size_script})
    endforeach()
endfunction()
