# An environment made ready to be launched from: run with the flags that the app will have, as
# `julia <flags> -e <this> -- env package keep words…`, where each word is an app and, behind `=`, its module inside of the package.
# Everything is precompiled, the package is loaded as a launch loads it, and each app must have a `main`. The precompile files
# that were loaded are linked into the depot `keep`.
#
# Internals, and nothing else of them is touched:
#
# | what                       | versions    | why                                                              |
# |----------------------------|-------------|------------------------------------------------------------------|
# | Base.ACTIVE_PROJECT        | all         | as in resolve.jl                                                 |
# | Base.require(Main, name)   | all         | as in a launch                                                   |
# | Base.loaded_modules        | all         | what was loaded                                                  |
# | Base.pkgorigins, cachepath | 1.6 on      | the file that it was loaded from                                 |
# | Base.find_all_in_cache_path, parse_cache_header, module_build_id | before 1.6 | the same                    |

import Pkg

"The module of an app, or what is missing on the way to it."
function module_of(package, path)
    found = package
    for name in split(path, '.'; keepempty = false)
        isdefined(found, Symbol(name)) || return "there is no module $name in $found"
        found = getfield(found, Symbol(name))
        found isa Module || return "$name in $package is no module"
    end
    return found
end

"What is wrong with an app, or nothing."
function problem(package, path)
    found = module_of(package, path)
    found isa Module || return found
    return isdefined(found, :main) ? nothing : "there is no function main in $found"
end

"The precompile file that a loaded module came from; nothing where there is none."
function cache_of(id, loaded)
    if isdefined(Base, :pkgorigins) && hasfield(valtype(Base.pkgorigins), :cachepath)
        origin = get(Base.pkgorigins, id, nothing)
        return origin === nothing ? nothing : origin.cachepath
    end
    pair = id => Base.module_build_id(loaded)
    for path in Base.find_all_in_cache_path(id)
        pair in Base.parse_cache_header(path)[1] && return path
    end
    return nothing
end

"Another name for a file, or another file where the file system has no such names."
function link(from, to)
    mkpath(dirname(to))
    rm(to; force = true)
    ccall(:link, Cint, (Cstring, Cstring), from, to) == 0 || cp(from, to)
end

"Keeps what was loaded from the depot where Julia throws out files; with its native code, which lies beside it from 1.9 on."
function keep_precompiled(keep)
    depot = abspath(DEPOT_PATH[1])
    for (id, loaded) in copy(Base.loaded_modules)
        path = cache_of(id, loaded)
        path !== nothing && startswith(path, joinpath(depot, "compiled")) || continue
        for file in (path, first(splitext(path)) * ".so")
            isfile(file) && link(file, joinpath(keep, relpath(file, depot)))
        end
    end
end

function main(env, name, keep, apps)
    Base.ACTIVE_PROJECT[] = joinpath(env, "Project.toml")
    Pkg.precompile()
    empty!(LOAD_PATH)
    push!(LOAD_PATH, env)
    # Where all its apps are files it need not be one that can be loaded.
    isempty(apps) && Base.find_package(name) === nothing && return 0
    package = Base.require(Main, Symbol(name))
    Base.invokelatest(keep_precompiled, keep)
    status = 0
    for word in apps
        app, path = split(word, '='; limit = 2)
        wrong = Base.invokelatest(problem, package, path)
        wrong === nothing && continue
        println(stderr, "jlapp: the app ", app, " of ", name, " cannot run: ", wrong)
        status = 1
    end
    return status
end

exit(try
    main(ARGS[1], ARGS[2], ARGS[3], ARGS[4:end])
catch error
    error isa InterruptException && exit(130)
    printstyled(stderr, "ERROR: "; color = :red, bold = true)
    showerror(stderr, error)
    println(stderr)
    1
end)
