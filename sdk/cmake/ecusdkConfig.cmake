# SPDX-License-Identifier: Apache-2.0
# find_package(ecusdk): targets ecusdk::ecusdk and ecusdk::posix, functions ecusdk_add_ecu and rproc_lint.
# find_package(ecusdk COMPONENTS lint): rproc_lint alone, for firmware that is built for another processor.
include(${CMAKE_CURRENT_LIST_DIR}/rproc_lint.cmake)
if("${ecusdk_FIND_COMPONENTS}" STREQUAL "lint")
    return()
endif()

# Inside the SDK's own build the targets exist already.
if(NOT TARGET ecusdk::ecusdk)
    if(NOT EXISTS ${CMAKE_CURRENT_LIST_DIR}/ecusdkTargets.cmake)
        set(ecusdk_FOUND FALSE)
        set(ecusdk_NOT_FOUND_MESSAGE
            "this installation has no libraries, which needs Linux: find_package(ecusdk COMPONENTS lint) works")
        return()
    endif()
    include(CMakeFindDependencyMacro)
    find_dependency(Threads)
    include(${CMAKE_CURRENT_LIST_DIR}/ecusdkTargets.cmake)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/ecusdk_add_ecu.cmake)
